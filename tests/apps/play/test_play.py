"""The page: every widget is driven by pointer and by keys, and moments are kept in its address."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.cli import run
from tests.support.pages import asked, assert_whole

from harmonium.apps import play
from harmonium.apps.play import write_play
from harmonium.apps.play.models import WIDGETS

#: What every script may call: a widget's parts by what they say, and what a reader does to them.
_HANDS = """
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const until = async (true_) => { for (let k = 0; k < 50 && !true_(); k++) await wait(100); };
const at = (name, what) => document.querySelector(`#${name} ${what}`);
const all = (name, what) => [...document.querySelectorAll(`#${name} ${what}`)];
const press = (name, text) => {
  const found = all(name, "button").filter((b) => b.textContent === text);
  if (found.length !== 1) throw new Error(`${found.length} buttons ${text} in ${name}`);
  found[0].click();
};
const slide = (name, label, value) => {
  const input = at(name, `input[aria-label="${label}"]`);
  input.value = value;
  input.dispatchEvent(new Event("input", { bubbles: true }));
};
const touch = (canvas, x, y, kind = "touch") => {
  const box = canvas.getBoundingClientRect();
  const how = { clientX: box.left + x * box.width, clientY: box.top + y * box.height,
    bubbles: true, cancelable: true, pointerId: 1, pointerType: kind };
  canvas.dispatchEvent(new PointerEvent("pointerdown", how));
  canvas.dispatchEvent(new PointerEvent("pointerup", how));
};
const key = (element, name) => element.dispatchEvent(
  new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
const inked = (canvas) => canvas.toDataURL();
const text = (name, what) => at(name, what).textContent;
const kept = async () => { await wait(600); return new URLSearchParams(location.hash.slice(1)); };
"""

Drive = Callable[..., Any]


@pytest.fixture
def drive(page: Path, tmp_path: Path) -> Drive:
    def drive(script: str, **where: Any) -> Any:
        return asked(page, tmp_path, _HANDS + script, **where)

    return drive


def test_the_page_is_whole_on_wide_and_narrow_windows(page: Path, tmp_path: Path) -> None:
    html = page.read_text("utf-8")
    assert [html.index(f'id="{name}" class="widget"') for name in WIDGETS] == sorted(
        html.index(f'id="{name}" class="widget"') for name in WIDGETS
    )
    assert html.count("<math") >= 7
    assert "{{" not in html
    assert_whole(page, tmp_path)


def test_words(drive: Drive) -> None:
    found = drive(
        """
        press("words", "Begin again");
        press("words", "Roll");
        const one = text("words", ".said");
        press("words", "Roll to the end");
        const whole = text("words", ".said");
        const greedy = text("words", ".said.faint");
        press("words", "Begin again");
        at("words", ".face").click();
        const first = text("words", ".face b");
        press("words", "Take one back");
        const box = at("words", "input[type=text]");
        box.value = "a waste of ___ .";
        box.dispatchEvent(new Event("input"));
        await wait(300);
        const ranked = all("words", ".ranked li").map((li) => li.textContent);
        const liked = text("words", ".verdict b");
        press("words", "Who did not");
        const address = Object.fromEntries(await kept());
        box.value = "";
        box.dispatchEvent(new Event("input"));
        await wait(300);
        return { one, whole, greedy, first, ranked, liked, address };
        """
    )
    assert len(found["one"].split()) == 1
    assert found["whole"].startswith(found["one"])
    assert found["whole"].endswith("(the end)")
    assert len(found["greedy"].split()) > 2
    assert len(found["ranked"]) == 6
    assert float(found["liked"].split(" = ")[1].strip("<%")) < 50
    assert found["address"]["at"] == "words"
    assert found["address"]["words.text"] == "a waste of ___ ."
    assert found["address"]["words.critic"] == "disliked"


def test_pixels(drive: Drive) -> None:
    found = drive(
        """
        const [clean, noisy, now, mean] = all("pixels", "canvas");
        const notes = () => all("pixels", ".framed .note").map((n) => n.textContent);
        const seen = inked(now);
        for (let k = 0; k < 40; k++) press("pixels", "One sweep");
        const after = notes();
        press("pixels", "Clean it");
        await until(() => notes()[2] !== after[2]);
        press("pixels", "Pause");
        const ran = notes()[2];
        slide("pixels", "coupling", 0);
        const strangers = text("pixels", ".answer");
        touch(noisy, 0.02, 0.02);
        const corner = text("pixels", ".answer");
        const before = inked(clean);
        touch(clean, 0.02, 0.02);
        const touched = inked(clean);
        key(clean, "ArrowRight");
        key(clean, " ");
        return { after, ran, strangers, corner, drawn: [before, touched, inked(clean)],
          changed: seen !== inked(now), address: Object.fromEntries(await kept()) };
        """
    )
    wrong = [int(note.split(": ")[-1].split()[0]) for note in found["after"][1:]]
    assert wrong[2] < wrong[0]
    assert int(found["ran"].split()[1]) > 40
    assert "For black: 1.00 ×" in found["strangers"]
    assert "0 black and 2 white" in found["corner"] or "white neighbours" in found["corner"]
    assert len(set(found["drawn"])) == 3
    assert found["changed"]
    assert found["address"]["pixels.J"] == "0"
    assert len(found["address"]["pixels.x"]) == 196


def test_latents(drive: Drive) -> None:
    found = drive(
        """
        const [yours, units, back, now] = all("latents", "canvas");
        const said = () => text("latents", ".answer");
        const real = said();
        touch(yours, 0.06, 0.06, "mouse");
        const drawn = said();
        const before = inked(back);
        touch(units, 0.05, 0.05);
        const forced = inked(back) !== before;
        key(units, "ArrowRight");
        key(units, "Enter");
        const set = units.getAttribute("aria-label");
        press("latents", "Hold left half");
        const label = at("latents", "select");
        label.value = "3";
        label.dispatchEvent(new Event("change"));
        const note = () => all("latents", ".frames > .note").at(-1).textContent;
        press("latents", "Run the chain");
        await until(() => parseInt(note()) > 0);
        press("latents", "Pause");
        const chain = note();
        const address = Object.fromEntries(await kept());
        press("latents", "Clear");
        const empty = said();
        press("latents", "Another real one");
        press("latents", "Units free");
        press("latents", "Hold nothing");
        press("latents", "Hold pixels");
        touch(yours, 0.5, 0.5);
        const held = (await kept()).get("latents.held");
        return { real, drawn, forced, set, chain, address, empty, held };
        """
    )
    assert found["real"] != found["drawn"]
    assert found["forced"]
    assert "by you" in found["set"]
    assert int(found["chain"].split()[0]) > 0
    assert found["chain"].endswith("now: 3")
    assert found["address"]["latents.held"] == "f0" * 8
    assert found["address"]["latents.label"] == "3"
    assert set(found["address"]["latents.units"]) >= {"."}
    assert "nats" in found["empty"]
    assert found["held"].count("0") == 15


def test_factors(drive: Drive) -> None:
    found = drive(
        """
        const said = () => text("factors", ".answer");
        const shares = () => all("factors", "tbody .share span").map((s) => s.textContent);
        const first = said();
        const input = at("factors", ".factor input");
        input.value = "0";
        input.dispatchEvent(new Event("input"));
        const zero = said();
        const address = Object.fromEntries(await kept());
        input.value = "-1";
        input.dispatchEvent(new Event("input"));
        const wrong = input.getAttribute("aria-invalid");
        press("factors", "Tables as they were");
        const again = said();
        slide("factors", "temperature", -1.5);
        const frozen = shares().filter((p) => p !== "<0.1%" && p !== "0.0%");
        slide("factors", "temperature", 2);
        const hot = shares();
        press("factors", "All factors 1");
        const even = shares();
        key(at("factors", "tbody"), "ArrowDown");
        const chosen = at("factors", "tr[aria-selected=true] td").textContent;
        at("factors", "tbody").children[9].click();
        const used = all("factors", "input.used").length;
        for (const one of all("factors", ".factor:last-child input")) {
          one.value = "0";
          one.dispatchEvent(new Event("input"));
        }
        return { first, zero, address, wrong, again, frozen, hot, even, chosen, used,
          nothing: said(), unknown: shares() };
        """
    )
    assert "16,200,000 / 30,712,455,360,000" in found["first"]
    assert found["zero"] != found["first"] == found["again"]
    assert found["wrong"] == "true"
    assert found["address"]["factors.t"].startswith("0_3_5_10_")
    assert found["frozen"] == ["100.0%"]
    assert max(float(p.rstrip("%")) for p in found["hot"]) < 4
    assert set(found["even"]) == {"3.1%"}
    assert found["chosen"] == "001 00"
    assert found["used"] == 11
    assert "Z = 0" in found["nothing"]
    assert set(found["unknown"]) == {"?"}


def test_learning(drive: Drive) -> None:
    found = drive(
        """
        const said = () => text("learning", ".answer");
        press("learning", "One step");
        const one = said();
        press("learning", "100 steps");
        const more = said();
        press("learning", "Learn");
        await until(() => said() !== more);
        press("learning", "Pause");
        const ran = said();
        const n = (await kept()).get("learning.n");
        slide("learning", "chains that dream", 50);
        return { one, more, ran, n, begun: said(), lines: all("learning", "svg path").length };
        """
    )
    steps = [int(said.split()[1]) for said in (found["one"], found["more"], found["ran"])]
    assert steps[:2] == [1, 101]
    assert steps[2] > 101
    assert str(steps[2]) == found["n"]
    exact = [float(said.split(" = ")[1].split()[0].replace("−", "-")) for said in
             (found["one"], found["more"], found["ran"])]  # fmt: skip
    assert exact == sorted(exact)
    assert "After 0 steps" in found["begun"]
    assert found["lines"] == 2


def test_modes(drive: Drive) -> None:
    found = drive(
        """
        press("modes", "Begin again");
        press("modes", "Spend 1,000");
        const notes = all("modes", ".way .note").map((n) => n.textContent);
        const before = text("modes", ".answer");
        press("modes", "Draw samples");
        await until(() => text("modes", ".answer") !== before);
        press("modes", "Pause");
        const address = Object.fromEntries(await kept());
        slide("modes", "importance: each pixel on with", 0.1);
        return { notes, address, said: text("modes", ".answer") };
        """
    )
    assert all("mean" in note for note in found["notes"])
    assert "of 1000 count" in found["notes"][0]
    assert int(found["address"]["modes.n"]) > 1000
    assert "9.987" in found["said"]


def test_annealing(drive: Drive) -> None:
    found = drive(
        """
        const said = () => text("annealing", ".answer");
        const first = said();
        press("annealing", "Other dice");
        const other = said();
        slide("annealing", "steps", 0);
        const leap = [said(), at("annealing", ".answer").classList.contains("alarm")];
        slide("annealing", "chains", 100);
        press("annealing", "All numbers of steps");
        return { first, other, leap, dots: all("annealing", "svg circle").length,
          address: Object.fromEntries(await kept()) };
        """
    )
    assert found["first"] != found["other"]
    assert "50 chains of 1 step" in found["leap"][0]
    assert found["leap"][1], "one leap of few chains is not to be trusted"
    assert found["dots"] >= 13
    assert found["address"] == {
        "at": "annealing", "annealing.steps": "1", "annealing.chains": "100", "annealing.seed": "2",
    }  # fmt: skip


def test_an_address_is_a_moment(drive: Drive) -> None:
    moment = (
        "#at=latents&latents.label=3&latents.n=30&latents.seed=5&factors.T=-1.5&learning.n=40"
        "&words.said=the+film&pixels.J=2&modes.n=40&annealing.steps=100"
    )
    script = """
    const canvases = () => [...document.querySelectorAll("canvas")].map(inked);
    const said = () => [...document.querySelectorAll(".answer")].map((p) => p.textContent);
    const first = [canvases(), said(), text("words", ".said")];
    %s
    return [first, [canvases(), said(), text("words", ".said")], scrollY];
    """
    there, _, scrolled = drive(script % "", fragment=moment)
    assert scrolled > 500
    assert there[2] == "the film"
    went = f"location.hash = {moment!r}; await wait(300);"
    begun, moved, _ = drive(script % went)
    assert begun != there
    assert moved == there


def test_a_hostile_address_does_no_harm(drive: Drive) -> None:
    hostile = (
        "#at=%3Cscript%3E&latents.x=zz&latents.label=99&latents.n=-5&latents.units=abc&factors.t=1_2"
        "&factors.s=1e9&learning.n=1e99&learning.rate=NaN&modes.q=7&annealing.steps=-3&pixels.p=2"
        "&words.critic=constructor&words.text=___+___+___+___+___+___&pixels.x=q&pixels.k=1e5"
        "&learning.chains=0&annealing.chains=1e9&modes.n=1e12"
    )
    assert drive("return document.querySelectorAll('.stage').length;", fragment=hostile) == 7


def test_nothing_sticks_out_of_a_narrow_window(drive: Drive) -> None:
    wide = drive(
        """
        press("words", "Roll to the end");
        const box = at("words", "input[type=text]");
        box.value = `${"a_very".repeat(30)} ___ ${"the film is a ".repeat(8)}`;
        box.dispatchEvent(new Event("input"));
        press("learning", "100 steps");
        press("modes", "Spend 1,000");
        press("annealing", "All numbers of steps");
        for (const input of all("factors", ".factor input")) {
          input.value = "123456";
          input.dispatchEvent(new Event("input"));
        }
        await wait(300);
        return document.documentElement.scrollWidth - innerWidth;
        """,
        width=390,
    )
    assert wide == 0


def test_keyboard_reaches_everything(drive: Drive) -> None:
    names = drive(
        """
        const what = ".stage :is(button, input, select, canvas.active)";
        const out = [...document.querySelectorAll(what)];
        return out.map((e) => e.getAttribute("aria-label") || e.textContent)
          .filter((name) => !name.trim()).length + out.filter((e) => e.tabIndex < 0).length;
        """
    )
    assert names == 0


def test_without_jinja2_the_extra_is_named_before_any_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.setattr(play, "page_data", lambda: pytest.fail("worked first"))
    with pytest.raises(ImportError, match=r"pip install 'harmonium\[report\]'"):
        write_play(tmp_path / "play.html")


def test_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("play", "-o", "page.txt").stderr == (
        "harmonium: --out must end in .html, got 'page.txt'\n"
    )
    assert run("play", "-o", "none/page.html").returncode == 2
    done = run("play")
    assert (done.returncode, done.stdout) == (0, "play.html\n")
    assert (tmp_path / "play.html").stat().st_size < 1_000_000
