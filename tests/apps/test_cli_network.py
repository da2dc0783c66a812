"""Markov networks on the command line: UAI files, evidence, marginals, the likeliest state."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from tests.support.cli import run

import harmonium as hm


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of three variables as a UAI file, rows drawn from it, and evidence."""
    place = tmp_path_factory.mktemp("network")
    pair = [[3.0, 1.0], [1.0, 2.0]]
    model = hm.MarkovNetwork([hm.Factor(["0", "1"], pair), hm.Factor(["1", "2"], pair)])
    model.to_uai(place / "net.uai")
    np.save(place / "rows.npy", model.sample(400, random_state=0))
    (place / "known.evid").write_text("1 0 1")
    return place


def _table(text: str) -> list[list[str]]:
    return list(csv.reader(text.splitlines()))


def test_a_network_is_learned_and_asked(folder: Path) -> None:
    made, rows = folder / "m.safetensors", folder / "rows.npy"
    done = run(
        *("fit", rows, "--model", "network", "--structure", folder / "net.uai", "-o", made),
        "--quiet",
    )
    assert done.returncode == 0, done.stderr
    fitted = hm.load(made)
    done = run("score", made, rows)
    assert f"{fitted.score(np.load(rows)):.4f} nats over 400 rows" in done.stdout, done.stderr
    assert "log Z" in done.stdout
    assert run("info", made).returncode == 0
    done = run("sample", made, "-n", 5, "--seed", 1, "-o", folder / "new.csv")
    assert done.returncode == 0, done.stderr
    drawn = _table((folder / "new.csv").read_text())
    assert [[int(cell) for cell in line] for line in drawn] == fitted.sample(
        5, random_state=1
    ).tolist()


def test_what_is_known_is_given_by_name_or_in_a_file(folder: Path) -> None:
    model = hm.MarkovNetwork.read_uai(folder / "net.uai")
    wanted = model.marginal(["1", "2"], {"0": 1})
    for given in ("0=1", folder / "known.evid"):
        done = run("marginal", folder / "net.uai", "1", "2", "--evidence", given)
        assert done.returncode == 0, done.stderr
        head, *lines = _table(done.stdout)
        assert head == ["1", "2", "P"]
        for a, b, p in lines:
            assert float(p) == pytest.approx(wanted[int(a), int(b)], rel=1e-5)
    done = run("marginal", folder / "net.uai", "--evidence", "0=1")
    found = {(name, int(state)): float(p) for name, state, p in _table(done.stdout)[1:]}
    assert found["0", 1] == 1.0
    assert found["1", 0] == pytest.approx(wanted.sum(1)[0], rel=1e-5)
    done = run("most-likely", folder / "net.uai", "--evidence", "0=1")
    best = {name: int(state) for name, state in _table(done.stdout)[1:]}
    assert best == model.most_likely({"0": 1})
    done = run("sample", folder / "net.uai", "-n", 50, "--evidence", "0=1", "-o", folder / "s.npy")
    assert done.returncode == 0, done.stderr
    assert (np.load(folder / "s.npy")[:, 0] == 1).all()


def test_an_evidence_file_is_a_row_with_blanks(folder: Path) -> None:
    out = folder / "filled.csv"
    done = run("complete", folder / "net.uai", folder / "known.evid", "-o", out)
    assert done.returncode == 0, done.stderr
    model = hm.MarkovNetwork.read_uai(folder / "net.uai")
    assert [int(cell) for cell in _table(out.read_text())[0]] == [
        *model.most_likely({"0": 1}).values()
    ]


def test_columns_come_in_any_order_by_their_names(folder: Path) -> None:
    pair = [[3.0, 1.0], [1.0, 2.0]]
    model = hm.MarkovNetwork([hm.Factor(["a", "b"], pair), hm.Factor(["b", "c"], [[1, 5], [2, 1]])])
    model.save(folder / "named.safetensors")
    done = run("sample", folder / "named.safetensors", "--seed", 0, "-o", folder / "named.csv")
    assert done.returncode == 0, done.stderr
    head, *rows = _table((folder / "named.csv").read_text())
    assert head == ["a", "b", "c"]
    assert np.array(rows, dtype=int).tolist() == model.sample(10, random_state=0).tolist()
    (folder / "turned.csv").write_text("\n".join(f"{c},{a},{b}" for a, b, c in [head, *rows]))
    plain = run("score", folder / "named.safetensors", folder / "named.csv")
    turned = run("score", folder / "named.safetensors", folder / "turned.csv")
    assert plain.returncode == 0, plain.stderr
    assert plain.stdout == turned.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["marginal", "net.uai", "9"], "'9' is no variable"),
        (["marginal", "net.uai", "--evidence", "9=1"], "'9' is no variable"),
        (["marginal", "net.uai", "--evidence", "0=7"], "wanted|must be"),
        (["marginal", "net.uai", "--evidence", "nonsense"], "--evidence wants"),
        (["marginal", "net.uai", "--evidence", "no.evid"], "no file at"),
        (["marginal", "net.uai", "--evidence", "0=0", "--evidence", "0=1"], "two states"),
        (["most-likely", "net.uai", "-o", "x.npy"], "--out must end in .csv or .evid"),
        (["sample", "net.uai", "--given", "a=1", "-o", "x.npy"], "--given does not apply"),
        (["score", "none.uai", "rows.npy"], "MODEL: no file at"),
    ],
)
def test_wrong_input_is_one_line(
    folder: Path, words: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    done = run(*words)
    assert done.returncode == 2, done.stdout
    assert any(part in done.stderr for part in message.split("|")), done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert sorted(folder.iterdir()) == before
