"""Nobody else's array: inputs are copied, attributes are fixed, what is handed out is no key.

Every object of the gallery is looked at before and after somebody writes to all that went into it
and to all that came out of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import m4dl
import numpy as np
import pytest
import scipy.sparse as sp
from gallery import GALLERY, draws, posterior
from m4dl import credible
from m4dl._base.fixed import Fixed
from m4dl.domains import norms
from problems import Array

SPACES = (m4dl, credible, norms)
CLASSES = {
    value
    for space in SPACES
    for value in vars(space).values()
    if isinstance(value, type) and value.__module__.startswith("m4dl")
}


def arrays(value: Any, depth: int = 4) -> Iterator[Array]:
    """All arrays in lists, tuples, dicts and sparse matrices."""
    if isinstance(value, np.ndarray):
        yield value
    elif sp.issparse(value):
        for name in ("data", "indices", "indptr", "row", "col", "offsets"):
            yield from arrays(getattr(value, name, None))
    elif isinstance(value, list | tuple) and depth:
        for v in value:
            yield from arrays(v, depth - 1)
    elif isinstance(value, dict) and depth:
        for v in value.values():
            yield from arrays(v, depth - 1)


def spoil(value: Any) -> None:
    """Write to every array that can be written to, and empty lists and dicts."""
    for a in arrays(value):
        if a.flags.writeable and a.size:
            a[...] = 0 if a.dtype.kind in "biu" else np.nan
    for change in ("clear", "pop"):
        if isinstance(value, list | dict):
            try:
                getattr(value, change)()
            except (TypeError, IndexError, KeyError):
                return


def readings(thing: Any) -> Iterator[tuple[str, Any]]:
    """Public attributes and properties, what methods without arguments return, and values."""
    for name in sorted(set(dir(type(thing))) | set(getattr(thing, "__dict__", {}))):
        if name.startswith("_") or name in ("core", "seconds", "to_arviz", "to_datatree", "plot"):
            continue
        try:
            value = getattr(thing, name)
            if inspect.ismethod(value):
                value = value()
        except (TypeError, ValueError, AttributeError, NotImplementedError):
            continue  # it wants arguments, or makes no sense here
        yield name, value
    rng = np.random.default_rng(7)
    if isinstance(thing, m4dl.models.Model):
        theta = 0.1 * rng.standard_normal((2, thing.parameters))
        yield "forward", thing.forward(theta)
    if isinstance(thing, m4dl.priors.Prior):
        yield "push", thing.push(rng.standard_normal((2, thing.white)))
    if isinstance(thing, m4dl.Posterior):
        xi = 0.1 * rng.standard_normal((2, thing.white))
        yield "potential", thing.potential(xi)
        yield "log_likelihood", thing.log_likelihood(thing.prior.push(xi))
    if isinstance(thing, credible.Region):
        yield "distance", thing.distance(rng.standard_normal((3, thing.parameters)))


def image(value: Any, depth: int = 3) -> Any:
    """A value as text and bytes, to be compared; objects by what they show."""
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, list | tuple):
        return [image(v, depth) for v in value]
    if isinstance(value, dict):
        return {k: image(v, depth) for k, v in value.items()}
    if isinstance(value, Fixed) and depth:
        return {k: image(v, depth - 1) for k, v in readings(value)}
    return getattr(value, "__qualname__", None) or repr(value)  # of functions, whose repr moves


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What constructors and functions of the package are called with."""
    seen: list[Any] = []

    def spy(function: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **options: Any) -> Any:
            seen.extend([*args, *options.values()])
            return function(*args, **options)

        return called

    for cls in CLASSES:
        if "__init__" in vars(cls):
            monkeypatch.setattr(cls, "__init__", spy(cls.__init__))
    return seen


@pytest.mark.parametrize("name", GALLERY)
def test_what_went_in_can_be_changed_afterwards(name: str, given: list[Any]) -> None:
    thing = GALLERY[name]()
    before = image(thing)
    inputs = [a for a in arrays(given, 9) if a.flags.writeable]
    saved = [a.copy() for a in inputs]
    for a in inputs:
        spoil(a)
    after = image(thing)
    for a, values in zip(inputs, saved, strict=True):
        a[...] = values  # rows share them
    assert after == before


@pytest.mark.parametrize("name", GALLERY)
def test_what_came_out_can_be_changed_or_is_read_only(name: str) -> None:
    thing = GALLERY[name]()
    before = image(thing)
    things = [thing]
    for _ in range(2):  # and what came out of that
        things += [v for t in things for _, v in readings(t) if isinstance(v, Fixed)]
    for t in things:
        for _, value in readings(t):
            spoil(value)
    assert image(thing) == before


@pytest.mark.parametrize("name", GALLERY)
def test_attributes_cannot_be_set(name: str) -> None:
    thing = GALLERY[name]()
    for attribute in sorted(n for n in dir(thing) if not n.startswith("_")):
        with pytest.raises(AttributeError):
            setattr(thing, attribute, None)
        with pytest.raises(AttributeError):
            delattr(thing, attribute)
    if isinstance(thing, Fixed):
        with pytest.raises(AttributeError, match="cannot"):
            thing.other = 1


def test_the_gallery_is_complete() -> None:
    """Every public class is there, or is what one that is there is made of."""
    seen: set[type] = set()

    def visit(value: Any, depth: int) -> None:
        seen.update(type(value).__mro__)
        if isinstance(value, list | tuple) and depth:
            for v in value[:1]:
                visit(v, depth - 1)
        elif isinstance(value, dict) and depth:
            for v in value.values():
                visit(v, depth - 1)
        elif isinstance(value, Fixed) and depth:
            for v in vars(value).values():
                visit(v, depth - 1)

    for build in GALLERY.values():
        visit(build(), 3)
    assert {c.__name__ for c in CLASSES if not getattr(c, "_is_protocol", False)} <= {
        c.__name__ for c in seen
    }


def test_users_classes_may_have_attributes_of_their_own() -> None:
    class Counting(m4dl.PythonModel):
        def __init__(self) -> None:
            super().__init__(self.count, parameters=2, outputs=2)
            self.calls = 0
            self.domain, self.at = m4dl.Grid((1,)), "nodes"

        def count(self, theta: Array) -> Array:
            self.calls += 1
            return theta

    model = Counting()
    model(np.zeros((3, 2)), threads=1)
    assert model.calls == 4  # the first is made twice
    with pytest.raises(AttributeError, match="outputs of this Counting"):
        model.outputs = 3
    with pytest.raises(AttributeError, match="domain of this Counting"):
        model.domain = None


@pytest.mark.parametrize(
    "made",
    [
        lambda x: memoryview(x),
        lambda x: type("Foreign", (), {"__array__": lambda self, *a, **k: x})(),
        lambda x: iter(x),
    ],
)
def test_other_kinds_of_arrays_are_copied_too(made: Callable[[Array], Any]) -> None:
    x = np.array([1.0, 2.0])
    of = m4dl.GaussianPrior(made(x) if not isinstance(made(x), Iterator) else list(x), 1.0)
    x[:] = 9.0
    assert of.mean.tolist() == [1.0, 2.0]


def test_users_functions_do_not_change_what_they_are_given() -> None:
    """Those that look at fields get them read-only; those that make something, a copy."""

    def greedy(x: Array) -> Array:
        x[:] = 0.0
        return np.zeros(len(x))

    theta, region = np.ones(4), credible.Interval(lambda x: x[:, 0]).of(draws())
    object.__setattr__(region, "__dict__", {**vars(region), "functional": greedy})
    with pytest.raises(ValueError, match="read-only"):
        region.contains(theta)
    assert theta.tolist() == [1.0] * 4
    with pytest.raises(ValueError, match="read-only"):
        draws().functional(greedy)
    with pytest.raises(ValueError, match="read-only"):
        credible.Interval(greedy).of(draws())
    with pytest.raises(ValueError, match="read-only"):
        m4dl.studies.sbc(
            posterior(), m4dl.PCN(), replicates=50, draws=9, seed=1, functionals={"g": greedy}
        )

    points = np.full((1, 1), 0.3)
    plain = m4dl.Schrodinger(m4dl.Grid((4,)), points, boundary=1.0)

    def spoiling(x: Array) -> Array:
        x[:] = 5.0
        return np.ones(len(x))

    model = m4dl.Schrodinger(m4dl.Grid((4,)), points, boundary=spoiling)
    assert model(np.zeros(5)) == plain(np.zeros(5))
    disk = m4dl.domains.Disk()
    rays = m4dl.rays.Rays.random(disk, 5, seed=1)
    basis = m4dl.rays.ZernikeBasis(2)
    known = [
        m4dl.AttenuatedXRay(rays, basis, attenuation=a, step=0.3)(np.ones(6))
        for a in (spoiling, 1.0)
    ]
    np.testing.assert_array_equal(*known)
    np.testing.assert_array_equal(
        basis.coefficients(spoiling), basis.coefficients(lambda x: np.ones(len(x)))
    )
    bent = [
        m4dl.rays.Geodesics(disk, np.zeros(3), np.array([0.1, 0.2, 0.3]), sound_speed=c).length
        for c in (spoiling, lambda r: np.ones(len(r)))
    ]
    np.testing.assert_array_equal(*bent)


def test_likelihood_and_potential_stay_one_posterior() -> None:
    """The values of the issue: whatever is tried, both speak of the same data."""
    p = posterior()
    x = np.full(4, 0.2)
    for change in (
        lambda: p.data.__setitem__(slice(None), 1.0),
        lambda: setattr(p.noise, "std", 2.0),
        lambda: setattr(p, "data", np.ones(3)),
        lambda: p.prior.mean.__setitem__(slice(None), 3.0),
    ):
        with pytest.raises((ValueError, AttributeError), match=r"read-only|cannot be set"):
            change()
    assert p.potential(x) == pytest.approx(-p.log_likelihood(p.prior.push(x)), rel=1e-13)
