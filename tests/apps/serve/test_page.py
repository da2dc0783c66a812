"""The page to try questions on: every question of every model asked in Chromium.

``fetch`` is stood in for by the replies of :func:`harmonium.apps.serve.clerk.answer`.
"""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path

import pytest
from tests.support.pages import opened
from tests.support.served import asked, put, shelf

import harmonium
from harmonium.apps.pages.page import render

# Asks everything, one after the other, and leaves what the page then shows in its title.
_DRIVEN = """
<script>
window.fetch = async (path, options) => {
  const [status, said, wanted] = CANNED[path];
  if (wanted && JSON.stringify(wanted) !== options.body) console.log("not canned", options.body);
  return { ok: status === 200, status, json: async () => said };
};
addEventListener("load", async () => {
  const shown = {}, id = name => document.getElementById(name);
  const wait = async () => { for (let k = 0; k < 5; k++) await new Promise(go => setTimeout(go)); };
  const names = place => [...id(place).children].map(one => one.textContent);
  const press = (place, name) =>
    [...id(place).children].find(one => one.textContent === name).click();
  await wait();
  for (const model of names("models")) {
    press("models", model);
    for (const question of names("questions")) {
      press("questions", question);
      if (document.querySelector("#board canvas")) {
        document.querySelector("#board canvas").click();
        id("again").click();
      }
      document.querySelector("button.main").click();
      await wait();
      shown[`${model} ${question}`] = [
        id("answer").innerText,
        id("answer").querySelectorAll(".caution").length,
        id("answer").querySelectorAll("canvas").length,
        document.documentElement.scrollWidth - innerWidth,
      ];
    }
  }
  START
});
</script>
"""


def canned_page(folder: Path, last: str = "") -> Path:
    """The page with all replies in it; `last` is a script that runs at the end."""
    told = [one | {"examples": shelf().examples[name]} for name, one in shelf().about.items()]
    canned = {"models": (200, {"models": told}, None)}
    for name, one in shelf().about.items():
        for question in one["questions"]:
            body = shelf().examples[name][question]
            # As the page puts it: what its fields hold, in their order.
            body = {key: value for key, value in body.items() if value is not None}
            if question == "complete":
                body["how"] = "mode"
            canned[f"models/{name}/{question}"] = (*put(asked(name, question, body))[0], body)
    script = _DRIVEN.replace("CANNED", "canned").replace("START", last)
    held = f"<script>const canned = {json.dumps(canned)}</script>"
    html = render("serve", version=harmonium.__version__)
    page = folder / "serve.html"
    page.write_text(html.replace("<head>", "<head>" + held + script, 1), encoding="utf-8")
    return page


_TELL = "console.log('SHOWN' + JSON.stringify(shown));"


@pytest.mark.parametrize("width", [390, 1400])
def test_every_question_is_asked_and_its_answer_shown(tmp_path, width):
    (report,) = opened(canned_page(tmp_path, _TELL), tmp_path, width)
    assert report["failures"] == []
    assert report["headings"] == 1
    said = [line for line in report["console"] if "SHOWN" in line]
    assert len(report["console"]) == len(said) == 1, report["console"]
    text = unescape(said[0]).split("SHOWN", 1)[1].rsplit('", source', 1)[0]
    shown = json.loads(text)
    wanted = {f"{m} {q}" for m, one in shelf().about.items() for q in one["questions"]}
    assert shown.keys() == wanted
    for asked_of, (words, cautions, _, wide) in shown.items():
        assert cautions == 0, (asked_of, words)
        assert wide <= 0, asked_of
    assert "Mean" in shown["bits score"][0]
    assert "clerk" in shown["people classify"][0]
    assert shown["grid complete"][2] == 4  # what was asked beside the answer, of two images
    assert shown["bits encode"][2] == 2
    assert "film" in shown["words sample"][0] or "movie" in shown["words sample"][0]


def test_the_page_fetches_nothing_from_outside():
    html = render("serve", version=harmonium.__version__)
    assert "http" not in html.replace("http-equiv", "")
