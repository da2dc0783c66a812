"""The command line on aligned sequences."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from tests.support.cli import run

import harmonium as hm


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("sequences")
    source = np.random.default_rng(0)
    states = source.integers(0, 5, (60, 8))
    states[:, 6] = (states[:, 0] + 1) % 5
    letters = np.array(list("-ACGU"))[states]
    text = "".join(f">s{i}\n{''.join(row)}\n" for i, row in enumerate(letters))
    (place / "family.fasta").write_text(text + ">none\n")
    (place / "masked.fa").write_text(">q\nAC??GU??\n")
    words = ["--alphabet", "rna", "--set", "n_components=4", "--set", "n_updates=300"]
    fitted = place / "m.safetensors"
    done = run("fit", place / "family.fasta", "-o", fitted, "--seed", 0, "--quiet", *words)
    assert done.returncode == 0, done.stderr
    assert "60 sequences of 8 columns: rna (5 states)" in done.stdout
    assert "1 empty record skipped: none (line 121)" in done.stdout
    assert "8 aligned columns, rna: -ACGU" in done.stdout
    return place


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_scores_and_new_sequences(folder):
    model = folder / "m.safetensors"
    done = run("score", model, folder / "family.fasta")
    assert "nats over 60 sequences" in done.stdout
    done = run("sample", model, "-n", 3, "--seed", 1, "-o", folder / "new.fasta")
    assert done.returncode == 0, done.stderr
    new = hm.Alignment.read(folder / "new.fasta", "rna")
    energies = hm.load(model).free_energy(new)
    told = [float(name.split("energy=")[1]) for name in new.names]
    np.testing.assert_allclose(told, energies, atol=1e-4)
    printed = run("sample", model, "-n", 3, "--seed", 1)
    assert printed.stdout == (folder / "new.fasta").read_text()


def test_what_is_unknown_is_filled(folder):
    done = run("complete", folder / "m.safetensors", folder / "masked.fa", "--how", "sample")
    name, letters = done.stdout.split()
    assert name == ">q"
    assert letters[:2] == "AC"
    assert letters[4:6] == "GU"
    assert "?" not in letters


def test_contacts(folder):
    model = folder / "m.safetensors"
    rows = table(run("contacts", model, "--separation", 1).stdout)
    assert len(rows) == 28
    told = hm.sequences.contacts(hm.load(model))
    assert [float(row["score"]) for row in rows] == pytest.approx(told.score.tolist(), rel=1e-4)
    assert all(int(row["j"]) - int(row["i"]) >= 5 for row in table(run("contacts", model).stdout))
    done = run("contacts", model, folder / "family.fasta", "-n", 3, "-o", folder / "c.csv")
    assert done.returncode == 0, done.stderr
    assert len(table((folder / "c.csv").read_text())) == 3
    assert run("contacts", model, "-o", folder / "c.png").returncode == 0
    assert (folder / "c.png").read_bytes()[:4] == b"\x89PNG"


def test_contacts_of_sequences(folder):
    """They are learned from first."""
    place = folder / "family.fasta"
    done = run("contacts", place, "--alphabet", "rna", "--separation", 1, "-n", 2)
    assert "60 sequences of 8 columns" in done.stderr
    told = hm.sequences.contacts(hm.Alignment.read(place, "rna"))
    rows = table(done.stdout)
    assert [float(row["score"]) for row in rows] == pytest.approx(told.score[:2], rel=1e-4)
    assert (rows[0]["i"], rows[0]["j"]) == ("0", "6")
    for words, said in [
        ((place, place), "DATA is for a model file"),
        ((folder / "m.safetensors", "--max-gaps", 0.5), "--max-gaps wants sequences"),
        ((folder / "none.fasta",), "no file at"),
    ]:
        done = run("contacts", *words)
        assert done.returncode == 2
        assert said in done.stderr


def test_mutations(folder):
    model = folder / "m.safetensors"
    rows = table(run("mutations", model, "ACGU-ACG").stdout)
    assert len(rows) == 32
    told = hm.sequences.mutations(hm.load(model), "ACGU-ACG")
    assert [float(row["score"]) for row in rows] == pytest.approx(told.score.tolist(), rel=1e-4)
    assert {row["from"] for row in rows if row["position"] == "4"} == {"-"}
    rows = table(run("mutations", model, "ACGU-ACG", "--no-gaps").stdout)
    assert len(rows) == 21
    done = run("mutations", model, folder / "masked.fa", "-o", folder / "m.png")
    assert done.returncode == 0, done.stderr
    assert (folder / "m.png").read_bytes()[:4] == b"\x89PNG"


def test_a_sequence_may_begin_with_gaps_and_positions_be_held(folder):
    model = folder / "m.safetensors"
    assert len(table(run("mutations", model, "--GU-ACG").stdout)) == 32
    done = run("sample", model, "-n", 5, "--given", "3=A", "--given", "0=-")
    letters = done.stdout.split("\n")[1::2]
    assert {(one[0], one[3]) for one in letters} == {("-", "A")}
    assert "no column 9" in run("sample", model, "--given", "9=A").stderr
    assert "cannot be 'W'" in run("sample", model, "--given", "3=W").stderr
    assert "--given" in run("sample", model, "--given", "x=W").stderr


def test_the_report_shows_sequences_contacts_and_logos(folder):
    done = run("report", folder / "m.safetensors", folder / "family.fasta", "-o", folder / "r.html")
    assert done.returncode == 0, done.stderr
    page = (folder / "r.html").read_text()
    for said in ("8 aligned columns, rna", "New sequences", "Contacts", "Hidden units", "unit "):
        assert said in page
    done = run("report", folder / "m.safetensors", "-o", folder / "r.html")
    assert done.returncode == 0, done.stderr
    done = run("report", folder / "m.safetensors", "--shape", "2x4")
    assert "shape: the report of a RBM of aligned sequences takes none" in done.stderr


def test_weights_and_labels(folder):
    data, out = folder / "family.fasta", folder / "w.safetensors"
    quick = ["--quiet", "--alphabet", "rna", "--set", "n_components=2", "--set", "n_updates=20"]
    (folder / "w.txt").write_text("1\n" * 60)
    assert run("fit", data, "-o", out, "--weights", folder / "w.txt", *quick).returncode == 0
    (folder / "y.txt").write_text("a\nb\n" * 30)
    done = run("fit", data, "-o", out, "--labels", folder / "y.txt", *quick)
    assert done.returncode == 0, done.stderr
    done = run("classify", out, data)
    assert done.returncode == 0, done.stderr


def test_wrong_input_is_one_line(folder):
    data, out = folder / "family.fasta", folder / "bad.safetensors"
    model = folder / "m.safetensors"
    (folder / "short.txt").write_text("1\n2\n")
    (folder / "words.txt").write_text("one\n" * 60)
    (folder / "uneven.fasta").write_text(">a\nACG\n>b\nAC\n")
    (folder / "two.fasta").write_text(">a\nACGUACGU\n>b\nACGUACGU\n")
    np.save(folder / "rows.npy", np.zeros((4, 4)))
    fit_rna = ("fit", data, "-o", out, "--alphabet", "rna", "--quiet")
    for words, said in [
        ((*fit_rna, "--weights", folder / "short.txt"), "has 2 weights, DATA has 60 rows"),
        ((*fit_rna, "--weights", folder / "words.txt"), "wants a number a line"),
        (("fit", data, "-o", out, "--columns", "a=count"), "--columns wants a table"),
        (("fit", folder / "rows.npy", "-o", out, "--alphabet", "rna"), "--alphabet wants"),
        (("fit", folder / "uneven.fasta", "-o", out), "line 3: sequence 'b' has 2 columns"),
        (("fit", data, "-o", out, "--alphabet", "x"), "alphabet must be one of"),
        ((*fit_rna, "--max-gaps", "3"), "max_gaps must be"),
        (("score", model, folder / "rows.npy"), "sequences come from .fasta"),
        (("score", model, folder / "none.fasta"), "no file at"),
        (("mutations", model, "ACG"), "sequences of 3 columns, the model has 8"),
        (("mutations", model, folder / "two.fasta"), "sequence must be one, got 2"),
        (("contacts", model, "-o", folder / "c.txt"), "--out must end in .csv or .png"),
        (("contacts", model, "--numbering", "pdb"), "numbering must be one of"),
        (("sample", model, "-o", folder / "x.npy"), "--out must end in .fasta"),
    ]:
        done = run(*words)
        assert done.returncode == 2, (words, done.stdout)
        assert said in done.stderr, (said, done.stderr)
        assert done.stderr.count("\n") == 1
    assert not out.exists()
