"""Types say which words there are: the same that are checked when they are given."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

import harmonium as hm
from harmonium.contract.words import HOW
from harmonium.data.infer import KINDS
from harmonium.units.hidden import HIDDEN


def words(of: Any, name: str) -> set[str]:
    hint = get_type_hints(of)[name]
    return {
        one for part in (hint, *get_args(hint)) for one in get_args(part) if isinstance(one, str)
    }


@pytest.mark.parametrize("model", [hm.RBM, hm.NGram, hm.GridMRF, hm.MarkovNetwork])
@pytest.mark.parametrize("question", ["complete", "correct"])
def test_how(model, question):
    assert words(getattr(model, question), "how") == set(HOW) == {"mode", "mean", "sample"}


@pytest.mark.parametrize(
    ("model", "name", "known"),
    [
        (hm.RBM, "learner", {"exact", "cd", "pcd", "pt"}),
        (hm.RBM, "hidden", set(HIDDEN)),
        (hm.RBM, "visible", {"auto", *KINDS}),
        (hm.BoltzmannMachine, "learner", {"exact", "pcd", "pt", "pseudo"}),
        (hm.BoltzmannMachine, "visible", {"auto", *KINDS}),
        (hm.NGram, "smoothing", {"kneser-ney", "witten-bell", "add-k", "mle"}),
    ],
)
def test_parameters(model, name, known):
    assert words(model.__init__, name) == known
    for word in known - {"auto", *KINDS}:
        model(**{name: word}).check_parameters()
    with pytest.raises(ValueError, match=name):
        model(**{name: "median"}).check_parameters()


def test_a_file_is_of_the_kind_that_is_asked_for(tmp_path):
    path = tmp_path / "m.safetensors"
    hm.RBM.from_parameters(np.zeros((2, 1)), np.zeros(2), np.zeros(1)).save(path)
    assert isinstance(hm.load(path, hm.RBM), hm.RBM)
    assert isinstance(hm.load(path, hm.JointDistribution), hm.RBM)
    with pytest.raises(hm.ModelFileError, match="holds a RBM, wanted a NGram"):
        hm.load(path, hm.NGram)
