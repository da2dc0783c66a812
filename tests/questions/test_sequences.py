"""Questions to models of sequences, against their definitions and enumeration."""

from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import harmonium as hm
from harmonium.models import effective
from harmonium.models.rbm.energy import RBMEnergy
from harmonium.models.rbm.questions import behind
from harmonium.questions.sequences.contacts import coupling_scores, couplings_of
from harmonium.questions.sequences.pair_model import pull_for
from harmonium.sequences import (
    contact_map,
    contacts,
    design,
    mutation_map,
    mutations,
    nearest,
)
from harmonium.units.bernoulli import Bernoulli
from harmonium.units.categorical import Categorical
from harmonium.units.mixed import Mixed


def family(n: int = 400, n_columns: int = 9, seed: int = 0) -> hm.Alignment:
    """Columns 1 and 7 agree, as do 0 and 5; the others are by themselves."""
    source = np.random.default_rng(seed)
    states = source.integers(0, 5, (n, n_columns))
    for i, j in ((1, 7), (0, 5)):
        states[:, j] = np.where(source.random(n) < 0.9, states[:, i], states[:, j])
    letters = np.array(list("-ACGU"))[states]
    return hm.Alignment.from_sequences(["".join(row) for row in letters], alphabet="rna")


@pytest.fixture(scope="module")
def model() -> hm.RBM:
    settings = {"n_updates": 3000, "learning_rate": 0.1, "weight_decay": 1e-3, "smoothing": 0.0}
    return hm.RBM(8, random_state=0, **settings).fit(family(), sample_weight=np.ones(400))


# -- couplings of hidden units --------------------------------------------------------------


def random_energy(units, n_hidden: int, scale: float, seed: int) -> RBMEnergy:
    source = np.random.default_rng(seed)
    shapes = [(units.n_statistics, n_hidden), units.n_statistics, n_hidden, units.n_statistics]
    parts = [torch.from_numpy(source.normal(0, scale, shape)) for shape in shapes]
    return RBMEnergy(*parts, units)


UNITS = {
    "letters": Categorical((4, 4, 4)),
    "uneven": Categorical((3, 5, 2)),
    "bits": Bernoulli(4),
    "mixed": Mixed([Bernoulli(2), Categorical((3, 4))]),
}


@pytest.mark.parametrize("name", UNITS)
@pytest.mark.parametrize("scale", [0.3, 3.0, 40.0])
def test_effective_couplings_are_mixed_differences(name, scale, monkeypatch):
    """By the definition, log weights of whole rows; also where products overflow."""
    energy = random_energy(UNITS[name], 20, scale, seed=1)
    source = np.random.default_rng(2)
    x = np.column_stack([source.integers(0, size, 6) for size in energy.sizes]).astype(float)
    rows = torch.from_numpy(x)
    found = effective.effective_couplings(behind(energy, rows))
    for i in range(len(energy.sizes)):
        for j in range(len(energy.sizes)):
            if i == j:
                assert not found[i, j].any()
                continue
            table = np.zeros((energy.sizes[i], energy.sizes[j]))
            for a, b in product(range(energy.sizes[i]), range(energy.sizes[j])):
                other = rows.clone()
                other[:, i], other[:, j] = a, b
                table[a, b] = energy.log_weight(other).mean()
            table = table - table.mean(0) - table.mean(1)[:, None] + table.mean()
            own = found[i, j, : energy.sizes[i], : energy.sizes[j]]
            np.testing.assert_allclose(own, table, atol=1e-9 * max(1.0, scale) ** 2)
    monkeypatch.setattr(effective, "PLAIN_ONLY", True)
    plain = effective.effective_couplings(behind(energy, rows))
    np.testing.assert_allclose(found, plain, atol=1e-9 * max(1.0, scale) ** 2)


def test_effective_couplings_of_pairs_are_the_couplings():
    """A hidden unit of 0 or 1 on two columns alone is one coupling, whatever the rows."""
    W = np.zeros((4, 1))
    W[[0, 2], 0] = 1.5, -0.7
    model = hm.RBM.from_parameters(W, np.zeros(4), np.array([0.3]))
    found = model.effective_couplings(np.eye(4))
    f = [[np.logaddexp(0, 0.3 + 1.5 * a - 0.7 * b) for b in (0, 1)] for a in (0, 1)]
    J = (f[1][1] - f[1][0] - f[0][1] + f[0][0]) / 4
    np.testing.assert_allclose(found[0, 2], [[J, -J], [-J, J]])
    assert np.abs(found).sum() == pytest.approx(8 * abs(J))
    assert model.effective_couplings(n_rows=5, random_state=0) == pytest.approx(found)


def test_effective_couplings_refuse_what_they_cannot():
    joint = hm.RBM(2, n_updates=20, random_state=0).fit(family(60), np.arange(60) % 2)
    with pytest.raises(ValueError, match="without attributes"):
        joint.effective_couplings()
    with pytest.raises(ValueError, match="n_rows must be"):
        hm.RBM.from_parameters(np.ones((2, 1)), np.zeros(2), np.zeros(1)).effective_couplings(
            n_rows=0
        )


# -- contacts -------------------------------------------------------------------------------


def test_columns_that_agree_come_first(model):
    for X in (None, family(100, seed=1)):
        found = contacts(model, X)
        assert list(found.columns) == ["i", "j", "score"]
        assert len(found) == 9 * 8 // 2
        assert {(r.i, r.j) for r in found[:2].itertuples()} == {(1, 7), (0, 5)}
        assert (np.diff(found.score) <= 0).all()
        assert (found.i < found.j).all()


def test_contacts_of_an_alignment_learn_first():
    """As plmDCA does: lambda_J falls from 0.1 to 0.01 at 500 sequences, which is half a decay."""
    found = contacts(family())
    assert {(r.i, r.j) for r in found[:2].itertuples()} == {(1, 7), (0, 5)}
    n = family().weights().sum()
    settings = {"weight_decay": 0.2 - 0.18 * n / 500, "validation_fraction": 0.0}
    by_hand = hm.BoltzmannMachine(learner="pseudo", random_state=0, **settings).fit(family())
    np.testing.assert_allclose(found.score, contacts(by_hand).score, rtol=1e-9)
    assert [pull_for(n) for n in (0.0, 250.0, 500.0, 1e4)] == pytest.approx([0.2, 0.11, 0.02, 0.02])
    with pytest.raises(ValueError, match="are unknown"):
        contacts(hm.Alignment.from_sequences(["A?", "CG"]))
    with pytest.raises(ValueError, match="give it alone"):
        contacts(family(), family())
    with pytest.raises(ValueError, match="numbering must be"):
        contacts(family(), numbering="pdb")


def test_the_score_by_its_definition():
    """Double centred over all states, the norm without the gap, less the product of means."""
    source = np.random.default_rng(0)
    couplings = {(i, j): source.normal(size=(4, 4)) for i in range(3) for j in range(i + 1, 3)}
    norms = np.zeros((3, 3))
    for (i, j), table in couplings.items():
        centred = table - table.mean(0) - table.mean(1)[:, None] + table.mean()
        norms[i, j] = norms[j, i] = np.linalg.norm(centred[1:, 1:])
    means = norms.sum(0) / 2
    wanted = norms - np.outer(means, means) / (norms.sum() / 6)
    np.fill_diagonal(wanted, 0.0)
    np.testing.assert_allclose(coupling_scores(couplings, gap=0), wanted)
    np.testing.assert_allclose(coupling_scores(couplings, gap=0, correct=False), norms)


def test_models_with_couplings_of_their_own():
    source = np.random.default_rng(1)
    whole = source.normal(size=(4, 4, 3, 3))
    whole = (whole + whole.transpose(1, 0, 3, 2)) / 2
    pairs = {(i, j): whole[i, j] for i in range(4) for j in range(i + 1, 4)}
    shuffled = {(j, i): table.T for (i, j), table in pairs.items()}
    told = [
        SimpleNamespace(couplings_=own, n_features_in_=4, fit=None) for own in (whole, shuffled)
    ]
    one, other = (coupling_scores(couplings_of(m), None) for m in told)
    np.testing.assert_allclose(one, other)
    sparse = SimpleNamespace(couplings_={(0, 3): whole[0, 3]}, n_features_in_=5)
    assert coupling_scores(couplings_of(sparse), None, correct=False).astype(bool).sum() == 2
    network = hm.MarkovNetwork([hm.Factor(["a", "b"], [[3, 1], [1, 2]])])
    with pytest.raises(ValueError, match="X holds no rows"):
        contacts(hm.RBM(2, n_updates=5, random_state=0).fit(family(20)), family(20)[:0])
    with pytest.raises(TypeError, match="wants a model with couplings"):
        contacts(network)


def test_numberings(tmp_path):
    text = ">r/11-14\nA-CGU\n" + "".join(f">s{i}\nACC{'AG'[i % 2]}U\n" for i in range(9))
    (tmp_path / "f.fasta").write_text(text)
    found = hm.Alignment.read(tmp_path / "f.fasta", "rna").columns([0, 1, 3, 4])
    model = hm.RBM(2, n_updates=20, random_state=0).fit(found)
    in_file = contacts(model, numbering="file")
    assert set(in_file.i) | set(in_file.j) == {0, 1, 3, 4}
    residues = contacts(model, numbering="residues")
    assert set(residues.i) | set(residues.j) == {11, 13, 14}  # the reference has a gap at 1
    with pytest.raises(ValueError, match="numbering must be"):
        contacts(model, numbering="pdb")
    bits = hm.RBM.from_parameters(np.ones((3, 1)), np.zeros(3), np.zeros(1))
    assert len(contacts(bits)) == 3
    with pytest.raises(ValueError, match="fitted on an Alignment"):
        contacts(bits, numbering="file")
    with pytest.raises(ValueError, match="gap must be"):
        contacts(bits, gap="-")


def test_one_column_has_no_pairs():
    found = hm.Alignment.from_sequences(["A", "C", "A"])
    assert len(contacts(found)) == 0
    assert len(contacts(hm.RBM(2, n_updates=5, random_state=0).fit(found))) == 0


# -- mutations ------------------------------------------------------------------------------


def changed(sequence: str, row) -> str:
    return sequence[: row.position] + row.to + sequence[row.position + 1 :]


def test_mutations_are_differences_of_log_p(model):
    sequence = "ACGU-ACGU"
    found = mutations(model, sequence)
    assert list(found.columns) == ["position", "from", "to", "score"]
    assert len(found) == 9 * 4
    assert found["from"].tolist() == [letter for letter in sequence for _ in range(4)]
    mutants = [changed(sequence, row) for row in found.itertuples()]
    scores = model.score_samples(mutants) - model.score_samples([sequence])
    np.testing.assert_allclose(found.score, scores, atol=1e-9)
    shorter = mutations(model, sequence, gaps=False)
    assert len(shorter) == 8 * 3
    assert "-" not in set(shorter["from"]) | set(shorter["to"])


def test_mutations_beside_unknown_positions_sum_them_out(model):
    found = mutations(model, "?CGU-ACGU")
    assert set(found.position) == set(range(1, 9))
    mutants = [changed("?CGU-ACGU", row) for row in found.itertuples()]
    scores = model.score_samples(mutants) - model.score_samples(["?CGU-ACGU"])
    np.testing.assert_allclose(found.score, scores, atol=1e-9)


def test_mutations_of_a_model_of_attributes_sum_them_out():
    joint = hm.RBM(3, n_updates=200, random_state=0).fit(family(60), np.arange(60) % 2)
    found = mutations(joint, "ACGU-ACGU")
    mutants = [changed("ACGU-ACGU", row) for row in found.itertuples()]
    scores = joint.score_samples(mutants) - joint.score_samples(["ACGU-ACGU"])
    np.testing.assert_allclose(found.score, scores, atol=1e-9)


# -- new sequences --------------------------------------------------------------------------


def test_designs_keep_what_is_fixed(model):
    found = design(model, "ACGU-ACGU", fixed=[0, 4, 8], n=2000, random_state=0)
    assert isinstance(found, hm.Alignment)
    assert {(one[0], one[4], one[8]) for one in found} == {("A", "-", "U")}
    seen, whole = model.score_samples(["A???-A??U", "A???-???U"])
    share, p = np.mean([one[5] == "A" for one in found]), np.exp(seen - whole)
    assert p > 0.25  # column 5 goes with column 0, which is fixed
    assert abs(share - p) < 4.5 * np.sqrt(p * (1 - p) / 2000)  # a false alarm in 1e-5
    again = design(model, "ACGU-ACGU", fixed=[0, 4, 8], n=2000, random_state=0)
    assert again.sequences == found.sequences


def test_nearest():
    natural = hm.Alignment.from_sequences(["AAAA", "CCCC", "CCCG"], names=["a", "b", "c"])
    found = nearest(["AACA", "CCCG"], natural)
    assert found.nearest.tolist() == ["a", "c"]
    assert found.differences.tolist() == [1, 0]
    assert found.identity.tolist() == [0.75, 1.0]
    with pytest.raises(TypeError, match="natural must be"):
        nearest(["AACA"], ["AAAA"])


def test_bad_questions(model):
    for wrong, said in [("ACGU", "sequences of 4 columns"), (["ACGU-ACGU"] * 2, "must be one")]:
        with pytest.raises(ValueError, match=said):
            mutations(model, wrong)
    with pytest.raises(ValueError, match="nothing of it is known"):
        mutations(model, "?" * 9)
    with pytest.raises(ValueError, match="fixed must be"):
        design(model, "ACGU-ACGU", fixed=[9])
    bits = hm.RBM.from_parameters(np.ones((3, 1)), np.zeros(3), np.zeros(1))
    with pytest.raises(TypeError, match="fitted on an Alignment"):
        mutations(bits, "ACD")


def test_pictures(model, tmp_path):
    known = np.zeros((9, 9), dtype=bool)
    known[[1, 7], [7, 1]] = True
    for figure in (
        contact_map(contacts(model), 3, known=known),
        contact_map(contacts(model)),
        mutation_map(mutations(model, "ACGU-ACGU")),
    ):
        figure.savefig(tmp_path / "f.png")
    with pytest.raises(ValueError, match="known has shape"):
        contact_map(contacts(model), known=known[:4])
