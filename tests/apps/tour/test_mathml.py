"""Formulas: every piece of the notation, and what is no formula."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from harmonium.apps.tour.mathml import display

_SUM = '<mo largeop="true" movablelimits="false">∑</mo>'
_GAP = '<mspace width="0.2em"></mspace>'


@pytest.mark.parametrize(
    ("formula", "markup"),
    [
        ("W h", "<mi>W</mi><mi>h</mi>"),
        ("|a", '<mo stretchy="false">|</mo><mi>a</mi>'),
        ("log 2.5", "<mi>log</mi><mn>2.5</mn>"),
        ("a<b", "<mi>a</mi><mo>&lt;</mo><mi>b</mi>"),
        ("w_k^2", "<msubsup><mi>w</mi><mi>k</mi><mn>2</mn></msubsup>"),
        ("w^2_k", "<msubsup><mi>w</mi><mi>k</mi><mn>2</mn></msubsup>"),
        ("v^⊤W", "<msup><mi>v</mi><mo>⊤</mo></msup><mi>W</mi>"),
        ("w_{i j}", "<msub><mi>w</mi><mrow><mi>i</mi><mi>j</mi></mrow></msub>"),
        ("{-x}^2", "<msup><mrow><mo>-</mo><mi>x</mi></mrow><mn>2</mn></msup>"),
        ("∑_k x", f"<munder>{_SUM}<mi>k</mi></munder>{_GAP}<mi>x</mi>"),
        ("∑_k^n x", f"<munderover>{_SUM}<mi>k</mi><mi>n</mi></munderover>{_GAP}<mi>x</mi>"),
        (r"\frac{a b}2", "<mfrac><mrow><mi>a</mi><mi>b</mi></mrow><mn>2</mn></mfrac>"),
        (r"E_{\text{a <b}}", "<msub><mi>E</mi><mrow><mtext>a &lt;b</mtext></mrow></msub>"),
    ],
)
def test_each_piece_of_the_notation(formula: str, markup: str) -> None:
    found = display(formula)
    assert found == f'<math display="block"><mrow>{markup}</mrow></math>'
    ElementTree.fromstring(found)


def test_a_line_for_each_formula() -> None:
    assert display("a", "b") == display("a") + display("b")


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("a_", "ends too early"),
        ("{a", "ends too early"),
        (r"\frac12", "ends too early"),  # digits that stand together are one number
        (r"\frac{a}", "ends too early"),
        ("a}", "closes a brace that it did not open"),
        ("{a_}", "has '}' where a name or a sign is wanted"),
        ("a_i_j", "has '_' where a name or a sign is wanted"),
        (r"\sqrt{2}", "where a name or a sign is wanted"),
    ],
)
def test_what_is_no_formula_is_refused(formula: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        display(formula)
