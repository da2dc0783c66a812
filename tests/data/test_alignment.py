"""Alignments: formats, what is dropped and counted, numbering, weights, splits, bad files."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import harmonium as hm
from harmonium.data.sequences.alphabet import ALPHABETS, Alphabet
from harmonium.data.sequences.family import Family


def written(tmp_path: Path, text: str | bytes, name: str = "f.fasta") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def read(tmp_path: Path, text: str | bytes, name: str = "f.fasta", **told) -> hm.Alignment:
    return hm.Alignment.read(written(tmp_path, text, name), **told)


# -- formats ----------------------------------------------------------------------------------


def test_wrapped_lines_empty_records_and_letters_outside(tmp_path):
    text = ">one first\nAC\nD-\n\n>empty\n>two\r\nXcBw\r\n"
    found = read(tmp_path, text)
    assert found.sequences == ["ACD-", "-C-W"]
    assert found.names == ["one first", "two"]
    assert found.account.skipped == ("empty (line 5)",)
    assert found.account.outside == {"X": 1, "B": 1}
    assert found.account.n_records == 3
    assert found.states.tolist() == [[1, 2, 3, 0], [0, 2, 0, 19]]
    said = str(found)
    assert "1 empty record skipped: empty (line 5)" in said
    assert "2 letters outside the alphabet read as a gap: " in said


def test_zipped_is_the_same(tmp_path):
    text = ">a\nACDE\n>b\nAC-E\n"
    packed = read(tmp_path, gzip.compress(text.encode()), "f.fa.gz")
    assert packed.sequences == read(tmp_path, text).sequences


def test_a2m_and_a3m_drop_insertions_letter_by_letter(tmp_path):
    a3m = "#A3M#\n>q\nACDE\n>s\nAkkC-E\n>t\nACDEggg\n"
    a2m = ">q\nA..CDE...\n>s\nAkkC-E...\n>t\nA..CDEggg\n"
    for text, name in ((a3m, "f.a3m"), (a2m, "f.a2m"), (a2m, "f.fasta"), (a3m, "f.fasta")):
        found = read(tmp_path, text, name)
        assert found.sequences == ["ACDE", "AC-E", "ACDE"], name
        assert found.account.n_insertions == 5


def test_stockholm_in_blocks(tmp_path):
    text = (
        "# STOCKHOLM 1.0\n#=GF ID test\na/1-4  AC.D\nb\tA-kD\n#=GC RF xx.x\n\n"
        "a/1-4 EF\nb     .F\n//\n"
    )
    found = read(tmp_path, text, "f.sto")
    assert found.sequences == ["ACDEF", "A-D-F"]
    assert found.names == ["a/1-4", "b"]
    assert found.account.insertion_columns == (2,)
    with pytest.raises(ValueError, match="line 11: a second alignment begins"):
        read(tmp_path, text + "\n# STOCKHOLM 1.0\n", "g.sto")


def test_lower_case_alone_and_dots_alone_are_no_insertions(tmp_path):
    assert read(tmp_path, ">a\nacgu\n>b\na.gt\n", alphabet="rna").sequences == ["ACGU", "A-GU"]
    assert read(tmp_path, ">a\nAC.T\n>b\nAC.T\n", alphabet="dna").sequences == ["AC-T"] * 2
    # Soft masks: lower case beside upper case in one column is a letter.
    assert read(tmp_path, ">a\nACgT\n>b\nACGT\n", alphabet="dna").sequences == ["ACGT"] * 2


def test_other_alphabets(tmp_path):
    found = read(tmp_path, ">a\nabB\n>b\nxa?\n", alphabet="abB")
    assert found.sequences == ["abB", "?a?"]  # no gap: what is outside is unknown
    assert found.account.outside_as == "unknown"
    assert found.states.tolist() == [[0, 1, 2], [-1, 0, -1]]
    assert found.has_blanks
    assert ALPHABETS["protein"] == "-ACDEFGHIKLMNPQRSTVWY"
    assert Alphabet.of("rna").letters == "-ACGU"


def test_a_sign_of_choice_is_unknown(tmp_path):
    found = read(tmp_path, ">a\nAC-E\n", blank="-")
    assert found.states.tolist() == [[1, 2, -1, 4]]
    assert hm.Alignment.from_sequences(["A?"]).states.tolist() == [[1, -1]]


def test_writing_and_reading_again(tmp_path):
    found = read(tmp_path, f">a b\n{'ACDEFGHIKL' * 20}\n>c\n{'?CD-FGHIKL' * 20}\n")
    found.to_fasta(tmp_path / "new.fasta")
    again = hm.Alignment.read(tmp_path / "new.fasta")
    assert again.names == found.names
    np.testing.assert_array_equal(again.states, found.states)


# -- columns and numbers ---------------------------------------------------------------------


def test_numbers_of_the_reference_survive_filtering(tmp_path):
    text = ">x\nAC--\n>ref/10-14 known\nAc.DE-G\n>y\nA..CE-G\n".replace("AC--\n", "A..-E--\n")
    found = read(tmp_path, text, "f.a2m", reference="ref/10-14")
    assert found.sequences == ["A-E--", "ADE-G", "ACE-G"]
    assert found.family.residues == (10, 12, 13, 0, 14)
    kept = found.without_gaps(0.5)
    assert kept.family.columns == (0, 1, 2, 4)
    assert kept.family.residues == (10, 12, 13, 14)
    assert kept.account.dropped_columns == (3,)
    assert found.columns([4, 0]).family.residues == (14, 10)
    again = Family.from_facts(kept.family.facts())
    assert again == kept.family
    assert read(tmp_path, text, "f.a2m", reference=2).family.residues == (1, 2, 3, 0, 4)
    # A name whose numbers do not fit its letters is not believed.
    wrong = text.replace("10-14", "10-99")
    assert read(tmp_path, wrong, "f.a2m", reference=1).family.residues == (1, 3, 4, 0, 5)


def test_selection():
    found = hm.Alignment.from_sequences(["AC", "DE", "FG"], names="xyz")
    assert found[1] == "DE"
    assert found[-1] == "FG"
    assert found[[2, 0]].names == ["z", "x"]
    assert found[np.array([True, False, True])].sequences == ["AC", "FG"]
    assert found[:2].shape == (2, 2)
    assert list(found) == ["AC", "DE", "FG"]
    with pytest.raises(IndexError):
        found[5]


# -- weights and splits ----------------------------------------------------------------------


def related(n: int = 300, n_columns: int = 40) -> hm.Alignment:
    source = np.random.default_rng(3)
    parents = source.integers(0, 21, (60, n_columns))
    codes = parents[source.integers(0, 60, n)]
    codes = np.where(source.random(codes.shape) < 0.08, source.integers(0, 21, codes.shape), codes)
    letters = np.array(list(ALPHABETS["protein"]))[codes]
    return hm.Alignment.from_sequences(["".join(row) for row in letters])


@pytest.mark.parametrize("threshold", [0.3, 0.8, 0.85, 1.0])
def test_weights_are_one_over_those_at_least_as_identical(threshold):
    found = related()
    same = (found.states[:, None] == found.states[None]).mean(2) >= threshold
    np.testing.assert_array_equal(found.weights(threshold), 1.0 / same.sum(1))


def test_the_threshold_itself_counts():
    found = hm.Alignment.from_sequences(["ACDEF", "ACDEG", "ACDGG"])
    assert found.weights(0.8).tolist() == [1 / 2, 1 / 3, 1 / 2]
    assert found.weights(0.81).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("seed", range(5))
def test_no_pair_across_a_split_is_alike(seed):
    found = related()
    train, test = found.split(0.2, clusters=0.8, random_state=seed)
    assert len(train) + len(test) == len(found)
    assert 40 <= len(test) <= 60
    same = (train.states[:, None] == test.states[None]).mean(2)
    assert same.max() < 0.8
    assert set(train.names).isdisjoint(test.names)
    other = found.split(0.2, clusters=0.8, random_state=seed)[1]
    assert other.names == test.names


def test_one_cluster_cannot_be_split():
    found = hm.Alignment.from_sequences(["ACDEF"] * 10)
    with pytest.raises(ValueError, match=r"clusters=0.8: the smallest cluster has 10 of 10"):
        found.split(0.2)
    assert len(found.split(0.2, clusters=None, random_state=0)[1]) == 2


# -- bad input -------------------------------------------------------------------------------

BAD = [
    (">a\nACD\n>b\nAC\n", r"line 3: sequence 'b' has 2 columns, 'a' has 3"),
    (">a\nAC\n>b\nAc\n>c\nAcd\n", r"line 5: sequence 'c' has 3 columns, 'a' has 2"),
    (">a\nA7D\n", r"line 1: sequence 'a' holds '7', which is no letter"),
    ("hello\n", r"line 1: wanted '>' and a name"),
    ("", r"is empty; wanted sequences"),
    ("\n\n", r"is empty; wanted sequences"),
    (">a\n>b\n", r"holds no sequences"),
    (b">a\nA\xff\n", r"line 2: not a text in UTF-8"),
    (">a\nA\u0416\n", r"line 2: '\u0416' is no letter"),
    (b"\x1f\x8b\x08\x00broken", r"cannot be read"),
    ("CLUSTAL W\n", r"line 1: wanted '>'"),
    ("# STOCKHOLM 1.0\nalone\n//\n", r"line 2: wanted a name and letters"),
]


@pytest.mark.parametrize(("text", "said"), BAD)
def test_bad_files_are_named_with_their_line(tmp_path, text, said):
    with pytest.raises(ValueError, match=said) as error:
        read(tmp_path, text)
    assert "f.fasta" in str(error.value)


def test_bad_a3m(tmp_path):
    with pytest.raises(ValueError, match=r"line 3: sequence 'b' has 3 columns, 'a' has 2"):
        read(tmp_path, ">a\nACkkk\n>b\nACD\n", "f.a3m")
    with pytest.raises(ValueError, match="nothing but insertions"):
        read(tmp_path, ">a\nac\n", "f.a3m")


def test_bad_arguments(tmp_path):
    path = written(tmp_path, ">a\nACDE\n>a\nAC-E\n")
    with pytest.raises(FileNotFoundError, match="no file at"):
        hm.Alignment.read(tmp_path / "none.fasta")
    for told, said in [
        ({"alphabet": "A"}, "alphabet must be"),
        ({"alphabet": "AA"}, "alphabet must be"),
        ({"alphabet": "A>"}, "a letter must be"),
        ({"format": "clustal"}, "format must be"),
        ({"max_gaps": 2.0}, "max_gaps must be"),
        ({"blank": "??"}, "blank must be"),
        ({"reference": "b"}, "no sequence of"),
        ({"reference": "a"}, "2 sequences of"),
        ({"reference": 5}, "no sequence 5; wanted 0 to 1"),
    ]:
        with pytest.raises(ValueError, match=said):
            hm.Alignment.read(path, **told)
    found = hm.Alignment.read(path)
    assert found.account.repeated == ("a",)
    assert "1 name standing more than once: a" in str(found)
    for threshold in (0.0, 1.5, float("nan")):
        with pytest.raises(ValueError, match="threshold must be"):
            found.weights(threshold)
    with pytest.raises(ValueError, match="leaves one side empty"):
        found.split(0.1)
    with pytest.raises(ValueError, match="names: 1 for 2"):
        hm.Alignment.from_sequences(["A", "C"], names=["a"])
    with pytest.raises(ValueError, match="got one string"):
        hm.Alignment.from_sequences("ACD")
    with pytest.raises(ValueError, match=r"sequences\[0\] holds what is no letter"):
        hm.Alignment.from_sequences(["A\u0416"])
    with pytest.raises(TypeError, match=r"sequences\[1\] must be a string"):
        hm.Alignment.from_sequences(["A", 1])
    with pytest.raises(ValueError, match="every column has more gaps"):
        hm.Alignment.from_sequences(["--"]).without_gaps(0.5)


def test_one_sequence_and_one_column():
    one = hm.Alignment.from_sequences(["ACDE"])
    assert one.weights().tolist() == [1.0]
    narrow = hm.Alignment.from_sequences(["A", "C", "A"])
    assert narrow.weights().tolist() == [0.5, 1.0, 0.5]
    assert "3 sequences of 1 column:" in str(narrow)


def test_a_small_file_that_unpacks_to_very_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("harmonium.data.packed._LARGEST_UNPACKED", 2**16)
    packed = gzip.compress(b">a\n" + b"A" * 2**25)
    with pytest.raises(ValueError, match="unpacks to"):
        read(tmp_path, packed, "f.fasta.gz")
