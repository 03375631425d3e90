"""Objects say what they are made of, and are made again from it, to the bit."""

from __future__ import annotations

import inspect
import multiprocessing
import pickle
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

import m4dl
import numpy as np
import pytest
from gallery import GALLERY, posterior
from m4dl._base import describe
from m4dl.kernels import DiagonalMetric
from test_pickles import numbers


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describe, "_OBJECTS", WeakValueDictionary())


@pytest.mark.parametrize("name", GALLERY)
def test_a_description_makes_the_same_object(name: str) -> None:
    thing = GALLERY[name]()
    description = thing.describe()
    assert set(description["arguments"]) >= set(inspect.signature(type(thing)).parameters)
    again = m4dl.rebuild(description)
    assert again is not thing
    assert again.digest() == thing.digest()
    assert numbers(again) == numbers(thing)


def rebuilt(descriptions: dict[str, bytes]) -> dict[str, Any]:
    found = {name: m4dl.rebuild(pickle.loads(of)) for name, of in descriptions.items()}
    return {name: (thing.digest(), numbers(thing)) for name, thing in found.items()}


def test_a_fresh_process_makes_the_same_objects() -> None:
    """By their descriptions alone, and with the same digests; functions of no name stay here."""
    things = {}
    for name, build in GALLERY.items():
        thing = build()
        try:
            things[name] = (thing, pickle.dumps(thing.describe()))
        except (pickle.PicklingError, AttributeError):
            assert "python" in name
    assert len(things) >= len(GALLERY) - 4
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(rebuilt, ({name: of for name, (_, of) in things.items()},))
    here = {name: (thing.digest(), numbers(thing)) for name, (thing, _) in things.items()}
    assert [name for name in things if found[name] != here[name]] == []


MESH = m4dl.Grid((4, 3))
PAIRS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "a list": (lambda: DiagonalMetric([1, 2]), lambda: DiagonalMetric(np.array([1.0, 2.0]))),
    "a default": (lambda: m4dl.MaternPrior(MESH), lambda: m4dl.MaternPrior(MESH, mean=0)),
    "a number": (lambda: m4dl.GaussianNoise(2), lambda: m4dl.GaussianNoise(np.float32(2.0))),
    "minus zero": (lambda: DiagonalMetric([1.0]), lambda: DiagonalMetric([1])),
    "a function": (
        lambda: m4dl.MaternPrior(MESH, mean=lambda x: x[:, 0]),
        lambda: m4dl.MaternPrior(MESH, mean=MESH.coordinates("nodes")[:, 0]),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
def test_equal_meaning_is_an_equal_digest(name: str) -> None:
    one, other = PAIRS[name]
    assert one().digest() == other().digest()


@pytest.mark.parametrize(
    "other",
    [
        lambda: m4dl.MaternPrior(MESH, std=2.0),
        lambda: m4dl.MaternPrior(MESH, length=0.3),
        lambda: m4dl.MaternPrior(MESH, mean=1.0),
        lambda: m4dl.MaternPrior(MESH, at="cells"),
        lambda: m4dl.MaternPrior(m4dl.Grid((4, 3), [(0, 1), (0, 2)])),
        lambda: m4dl.GaussianPrior(np.zeros(20), 1.0),
    ],
)
def test_another_argument_is_another_digest(other: Callable[[], Any]) -> None:
    assert other().digest() != m4dl.MaternPrior(MESH).digest()


def test_a_process_has_one_object_a_digest() -> None:
    prior = m4dl.MaternPrior(MESH)
    assert pickle.loads(pickle.dumps(prior)) is prior
    assert m4dl.rebuild(prior.describe()) is prior


def alike(pickles: list[bytes]) -> tuple[bool, bool]:
    one, two = (pickle.loads(p) for p in pickles)
    return one.shares(two), one.model is two.model and one.prior is two.prior


def test_replicates_share_their_model_again() -> None:
    """Though each came by itself, and made its parts anew."""
    parts = posterior()
    pickles = []
    for data in (np.zeros(3), np.ones(3)):
        model = m4dl.LinearModel(np.arange(12.0).reshape(3, 4))
        noise = m4dl.GaussianNoise(0.5)
        one = m4dl.Posterior(model, parts.prior, data=data, noise=noise)
        pickles.append(pickle.dumps(one))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(alike, (pickles,)) == (True, True)
    other = m4dl.Posterior(model, parts.prior, data=data, noise=m4dl.GaussianNoise(0.6))
    assert not other.shares(one)


def test_a_function_defined_anew_is_another() -> None:
    space: dict[str, Any] = {}
    models = []
    for factor in (1, 2):
        exec(f"def outputs(theta):\n    return {factor} * theta", space)
        models.append(m4dl.PythonModel(space["outputs"], parameters=3, outputs=3))
    assert models[0].digest() != models[1].digest()


def test_a_class_defined_anew_is_another() -> None:
    def make() -> type:
        class Louder(m4dl.GaussianNoise):
            pass

        return Louder

    one, two = (make()(0.5) for _ in range(2))
    describe.shared(one)
    assert describe.shared(two) is two


def test_a_large_posterior_is_a_small_pickle() -> None:
    """One on 128 x 128 nodes takes at most 300 kB: what is long to find, and what was given."""
    grid = m4dl.Grid((127, 127))
    points = np.random.default_rng(1).uniform(0.1, 0.9, (100, 2))
    model, prior = m4dl.Darcy(grid, points, at="nodes"), m4dl.MaternPrior(grid)
    whole = m4dl.Posterior(model, prior, data=np.ones(100), noise=m4dl.GaussianNoise(0.1))
    assert len(pickle.dumps(whole)) <= 300_000


DESCRIPTION = m4dl.GaussianNoise(0.5).describe()
REFUSED = {
    "format": (DESCRIPTION | {"format": 7}, "GaussianNoise is of format 7, and this m4dl reads 1"),
    "field": (DESCRIPTION | {"colour": 1}, r"got one with unknown \['colour'\]"),
    "missing": ({"class": "x"}, r"got one with no \['arguments', 'format'\]"),
    "class": (DESCRIPTION | {"class": "m4dl.Pink"}, "is of class 'm4dl.Pink', which is not there"),
    "kind": (DESCRIPTION | {"class": "os.PathLike"}, "'os.PathLike' is no class that can be"),
    "argument": (
        DESCRIPTION | {"arguments": {"stdev": 1.0}},
        "GaussianNoise has no argument 'stdev': it has std",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_descriptions_that_are_refused(name: str) -> None:
    description, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        m4dl.rebuild(description)


@pytest.mark.parametrize("thing", [m4dl.GaussianNoise(0.5), m4dl.Grid((3, 2))])
def test_a_pickle_of_another_version_is_refused_by_name(
    thing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(describe, "FORMAT", 2)
    dumped = pickle.dumps(thing)
    monkeypatch.setattr(describe, "FORMAT", 1)
    with pytest.raises(ValueError, match=f"pickle of {type(thing).__name__} is of format 2"):
        pickle.loads(dumped)
