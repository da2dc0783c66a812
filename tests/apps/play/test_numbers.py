"""The page's numbers are the library's: its functions, run in a browser, beside harmonium."""

from __future__ import annotations

import itertools
import json
import re
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.support.pages import asked

import harmonium as hm
from harmonium.apps.play import chains, models
from harmonium.apps.tour import digits

_CLOSE = {"rtol": 1e-6, "atol": 1e-6}
#: Names for what a script asks about.
_BEGIN = """
const data = JSON.parse(document.getElementById("data").textContent);
const rbm = ({W, b, c}) => new Play.Rbm(...[W.flat(), b, c].map((x) => Float64Array.from(x)));
const list = (x) => Array.from(x);
"""

Ask = Callable[..., Any]


@pytest.fixture
def ask(page: Path, tmp_path: Path) -> Ask:
    def ask(script: str, **values: Any) -> Any:
        given = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in values.items())
        return asked(page, tmp_path, _BEGIN + given + script)

    return ask


@pytest.mark.parametrize("critic", ["liked", "disliked"])
def test_words(ask: Ask, critic: str, tmp_path: Path) -> None:
    folder = Path(chains.__file__).parent / "critics"
    path = tmp_path / "critic.arpa"
    path.write_text(chains.to_arpa(chains.read_codes(folder / f"{critic}.gz")))
    model = hm.NGram.from_arpa(path)
    texts = [
        "the film is good .",
        "a waste of time and money",
        "one of the best films of the year .",
        "zzz the qqq movie",
        "!",
        "with the",
    ]
    blanks = ["a ___ film .", "___", "the ___ ___ is ___ .", "one of the ___ qqq ___", "___ ___"]
    found = ask(
        """
        const chain = new Play.Chain(data.words.words, data.words[critic]);
        const best = (p) => list(p).map((x, w) => [data.words.words[w], x])
          .sort((a, b) => b[1] - a[1]).slice(0, 8);
        return {
          logP: texts.map((text) => chain.logP(chain.read(text))),
          filled: texts.map((text) => chain.fill(chain.read(text)).logP),
          sums: [[-1, 1], [1, 30], [30, 40], [0, 0]].map(([u, v]) => Play.sum(chain.row(u, v))),
          blanks: blanks.map((text) => chain.fill(chain.read(text)).blanks.map(best)),
        };
        """,
        critic=critic,
        texts=texts,
        blanks=blanks,
    )
    np.testing.assert_allclose(found["logP"], model.score_samples(texts), **_CLOSE)
    np.testing.assert_allclose(found["filled"], found["logP"], **_CLOSE)
    np.testing.assert_allclose(found["sums"], 1.0, **_CLOSE)
    for text, ranked in zip(blanks, found["blanks"], strict=True):
        for here, there in zip(ranked, model.blanks(text, n_best=8), strict=True):
            np.testing.assert_allclose([p for _, p in here], [p for _, p in there], **_CLOSE)


def test_words_are_read_as_they_are_written(ask: Ask) -> None:
    lost, typed, strange = ask(
        """
        const chain = new Play.Chain(data.words.words, data.words.liked);
        const said = (text) => chain.read(text).map((w) => w < 0 ? "___" : data.words.words[w]);
        return [data.words.words.slice(3).filter((word) => said(word).join("|") !== word),
          said(" The film, it\u2019s ___.  "), said("</s> <s> <unk> zzz a_b constructor")];
        """
    )
    assert lost == []
    assert typed == ["the", "film", ",", "it's", "___", "."]
    assert set(strange) <= {"<unk>", "a", "s", "/"}


def test_log_p_with_blanks_is_a_sum_over_words(ask: Ask) -> None:
    one, whole = ask(
        """
        const chain = new Play.Chain(data.words.words, data.words.liked);
        const every = data.words.words.map((_, w) => w).slice(3);
        const [a, b] = chain.read("the movie");
        return [Play.logSumExp(every.map((w) => chain.logP([a, w, b]))),
          chain.fill([a, -1, b]).logP];
        """
    )
    assert one == pytest.approx(whole, rel=1e-9)


def test_pixels(ask: Ask) -> None:
    side, coupling, p = 3, 0.7, 0.2
    seen = [1, 0, 1, 1, 1, 0, 0, 0, 1]
    alike = np.exp(coupling * np.eye(2))
    pairs = [(i, i + 1) for i in range(9) if i % 3 < 2] + [(i, i + 3) for i in range(6)]
    factors = [hm.Factor([f"x{i}", f"x{j}"], alike) for i, j in pairs]
    factors += [
        hm.Factor([f"x{i}"], [1 - p, p] if y == 0 else [p, 1 - p]) for i, y in enumerate(seen)
    ]
    network = hm.MarkovNetwork(factors)
    states = [list(state) for state in itertools.product((0, 1), repeat=9)]
    found = ask(
        """
        const logs = states.map((x) => Play.gridLogWeight(x, seen, how));
        return { logZ: Play.logSumExp(logs), logs,
          given: list(seen).map((_, i) => Play.pixelGiven(seen, seen, i, how)) };
        """,
        states=states,
        seen=seen,
        how={"side": side, "J": coupling, "p": p},
    )
    log_z = network.log_partition().value
    assert found["logZ"] == pytest.approx(log_z, rel=1e-6)
    scores = [network.log_prob({f"x{i}": v for i, v in enumerate(x)}) for x in states[::37]]
    np.testing.assert_allclose(np.array(found["logs"])[::37] - log_z, scores, **_CLOSE)
    for i in range(9):
        rest = {f"x{k}": v for k, v in enumerate(seen) if k != i}
        assert found["given"][i] == pytest.approx(network.marginal([f"x{i}"], rest)[1], abs=1e-6)


def test_latents(ask: Ask) -> None:
    model = models.digit_machine()
    _, unseen, _, _ = digits.load()
    rows = np.vstack([unseen[:10], np.zeros((1, 64)), np.ones((1, 64))]).astype(np.uint8)
    hidden = np.linspace(0, 1, 48)
    found = ask(
        """
        const model = new Play.Machine(data.latents);
        return {
          logP: rows.map((v) => model.logP(v)), labels: rows.map((v) => list(model.labelGiven(v))),
          hidden: rows.map((v) => list(model.hiddenGiven(v))), logZ: model.logZ,
          visible: list(model.rbm.visibleGiven(h)),
        };
        """,
        rows=rows.tolist(),
        h=hidden.tolist(),
    )
    assert found["logZ"] == model.log_partition().value
    np.testing.assert_allclose(found["logP"], model.score_samples(rows), rtol=1e-6)
    np.testing.assert_allclose(found["labels"], model.attribute_proba(rows), **_CLOSE)
    np.testing.assert_allclose(found["hidden"], model.transform(rows), **_CLOSE)
    np.testing.assert_allclose(found["visible"], model.inverse_transform(hidden[None])[0], **_CLOSE)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 7.0])
def test_factors(ask: Ask, temperature: float) -> None:
    told = models.factors()
    network = hm.MarkovNetwork(
        [
            hm.Factor(list(one["names"]), np.array(one["table"], dtype=float) ** (1 / temperature))
            for one in told["factors"]
        ]
    )
    found = ask(
        """
        const { p, logZ, products, energies } = Play.solve(data.factors, temperature);
        return { p: list(p), logZ, products, energies };
        """,
        temperature=temperature,
    )
    assert found["logZ"] == pytest.approx(network.log_partition().value, rel=1e-6)
    joint = network.marginal(told["variables"]).reshape(-1)
    np.testing.assert_allclose(found["p"], joint, **_CLOSE)
    np.testing.assert_allclose(np.exp(-np.array(found["energies"])), found["products"], rtol=1e-6)
    if temperature == 1:
        assert sum(found["products"]) == 30_712_455_360_000


def test_gradients(ask: Ask) -> None:
    generator = np.random.default_rng(0)
    W, b, c = (generator.normal(0, 1, shape) for shape in ((9, 8), 9, 8))
    patterns = {tuple(np.outer(x, np.ones(3)).ravel().astype(int)) for x in np.ndindex(2, 2, 2)} | {
        tuple(np.outer(np.ones(3), x).ravel().astype(int)) for x in np.ndindex(2, 2, 2)
    }
    found = ask(
        """
        const model = rbm(given);
        const rows = Play.barsAndStripes(3);
        const { W, b, c, logZ, dream } = model.gradient(rows);
        return { W: list(W), b: list(b), c: list(c), logZ, dream: list(dream.vh),
          rows: rows.map(list), score: model.score(rows) };
        """,
        given={"W": W.tolist(), "b": b.tolist(), "c": c.tolist()},
    )
    assert {tuple(row) for row in found["rows"]} == patterns
    model = hm.RBM.from_parameters(W, b, c)
    rows = np.array(found["rows"])
    energy = model.build_energy(torch.float64)
    x = torch.from_numpy(rows).double()
    data, dream = energy.moments(x, torch.full((14,), 1 / 14).double()), energy.exact_moments()
    assert dream is not None
    assert found["logZ"] == pytest.approx(model.log_partition("exact").value, rel=1e-6)
    assert found["score"] == pytest.approx(model.score(rows), rel=1e-6)
    for ours, theirs in {"W": "weights", "b": "visible_bias", "c": "hidden_bias"}.items():
        wanted = (data[theirs] - dream[theirs]).numpy().ravel()
        np.testing.assert_allclose(found[ours], wanted, **_CLOSE)


def test_two_modes(ask: Ask) -> None:
    truth = hm.expectation(_machine(*models.far_apart()), lambda x: x.sum(1), method="exact").value
    mean, total = ask(
        """
        const model = new Play.Rbm(...["W", "b", "c"].map((k) => Float64Array.from(data.modes[k])));
        const { p, mean } = Play.pixelsOn(model);
        return [mean, Play.sum(p)];
        """
    )
    assert mean == pytest.approx(truth, rel=1e-6)
    assert total == pytest.approx(1, rel=1e-9)


def test_every_way_finds_the_mean_of_what_mixes(ask: Ask) -> None:
    W, b, c = np.full((6, 2), 0.8), np.full(6, -0.6), np.full(2, -1.5)
    truth = hm.expectation(_machine(W, b, c), lambda x: x.sum(1), method="exact").value
    spent = ask(
        """
        const ways = Play.ways(rbm(given), 0.4, 5);
        ways.forEach((way) => way.spend(50000));
        return ways.map(({ found }) => [found.mean, found.n]);
        """,
        given={"W": W.tolist(), "b": b.tolist(), "c": c.tolist()},
    )
    assert [n for _, n in spent] == [50000, 50000, 50000, 10000]  # five temperatures share theirs
    # Standard deviation below 2; at worst every tenth draw is independent: 5 errors are 0.14.
    np.testing.assert_allclose([mean for mean, _ in spent], truth, atol=0.14)


def _machine(*parameters: Any) -> hm.RBM:
    return hm.RBM.from_parameters(*parameters)


def test_annealing(ask: Ask) -> None:
    model = models.middle_machine()
    logZ, found, leap = ask(
        """
        const { W, b, c } = data.annealing;
        const model = new Play.Rbm(Play.numbers(W), Play.numbers(b), Play.numbers(c));
        const told = ({ logZ, error, effective }) => [logZ, error, effective];
        return [model.logZ(), told(Play.anneal(model, 300, 100, Play.generator(3))),
          told(Play.anneal(model, 1, 20000, Play.generator(4)))];
        """
    )
    assert logZ == pytest.approx(model.log_partition("exact").value, rel=1e-6)
    for value, error, effective in (found, leap):
        assert abs(value - logZ) < 5 * error
        assert effective > 10


def test_weights_are_kept_in_bytes(page: Path) -> None:
    html = page.read_text("utf-8")
    assert len(html.encode()) < 1_000_000
    kept = re.search(r'<script id="data" type="application/json">(.*?)</script>', html, re.DOTALL)
    assert kept
    told = json.loads(kept[1])["latents"]
    again = np.frombuffer(b64decode(told["W"]["bytes"]), dtype=np.int8) * told["W"]["scale"]
    np.testing.assert_allclose(
        again.reshape(64, 48), models.digit_machine().components_.T, rtol=1e-12
    )


def test_the_generator_is_even_and_seeded(ask: Ask) -> None:
    draws, again, other = ask(
        """
        const many = (seed) => Array.from({ length: 20000 }, Play.generator(seed));
        return [many(1), many(1), many(2)];
        """
    )
    assert draws == again
    assert draws != other
    assert 0 <= min(draws) < max(draws) < 1
    counts = np.histogram(draws, bins=50, range=(0, 1))[0]
    assert ((counts - 400) ** 2 / 400).sum() < 120  # chi-square, 49 degrees: below 1e-5 by chance
    assert abs(np.corrcoef(draws[1:], draws[:-1])[0, 1]) < 0.04


@pytest.mark.parametrize("critic", ["liked", "disliked"])
def test_codes_are_written_as_they_are_read(critic: str, tmp_path: Path) -> None:
    path = Path(chains.__file__).parent / "critics" / f"{critic}.gz"
    codes = chains.read_codes(path)
    assert {len(gram) for gram in codes} == {1, 2, 3}
    assert 0 <= min(codes.values()) <= max(codes.values()) <= 255
    chains.write_codes(codes, tmp_path / "again.gz")
    assert chains.read_codes(tmp_path / "again.gz") == codes
    assert path.stat().st_size < 60_000
