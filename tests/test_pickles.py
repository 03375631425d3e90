"""Everything pickles, copies and deep-copies, and comes back to the bit; in another process too."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import sys
from typing import Any
from weakref import WeakValueDictionary

import m4dl
import numpy as np
import pytest
from gallery import GALLERY, draws, posterior
from m4dl import credible
from m4dl._base import describe
from problems import Array
from test_fixed import image


def afresh(dumped: bytes) -> Any:
    """What a process gets that does not have the object."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(describe, "_OBJECTS", WeakValueDictionary())
        return pickle.loads(dumped)


def numbers(thing: Any) -> Any:
    """What an object shows, and what a chain on it draws."""
    if isinstance(thing, m4dl.Posterior):
        start = 0.1 * np.cos(np.arange(thing.white))
        run = m4dl.sample(
            thing, m4dl.PCN(0.3), draws=20, chains=2, seed=5, start=start, progress=False
        )
        return image(thing), image(run.theta)
    return image(thing)


def in_a_fresh_process(dumped: dict[str, bytes]) -> dict[str, Any]:
    return {name: numbers(pickle.loads(of)) for name, of in dumped.items()}


@pytest.mark.parametrize("name", GALLERY)
def test_a_pickle_is_the_same_to_the_bit(name: str) -> None:
    thing = GALLERY[name]()
    again = afresh(pickle.dumps(thing))
    assert type(again) is type(thing)
    assert numbers(again) == numbers(thing)
    twice = afresh(pickle.dumps(again))
    assert numbers(twice) == numbers(thing)


@pytest.mark.parametrize("name", GALLERY)
def test_what_comes_out_of_a_pickle_is_fixed_too(name: str) -> None:
    again = afresh(pickle.dumps(GALLERY[name]()))
    for value in vars(again).values():
        if isinstance(value, np.ndarray):
            assert not value.flags.writeable
    for attribute in [n for n in vars(again) if not n.startswith("_")]:
        with pytest.raises(AttributeError):
            setattr(again, attribute, None)


@pytest.mark.parametrize("name", GALLERY)
def test_copies(name: str) -> None:
    thing = GALLERY[name]()
    for again in (copy.copy(thing), copy.deepcopy(thing)):
        assert numbers(again) == numbers(thing)


def test_another_process_finds_the_same_numbers() -> None:
    """One that was spawned, and shares nothing with this one."""
    things = {name: build() for name, build in GALLERY.items()}
    dumped = {name: pickle.dumps(thing) for name, thing in things.items()}
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(in_a_fresh_process, (dumped,))
    here = {name: numbers(thing) for name, thing in things.items()}
    assert [name for name in GALLERY if found[name] != here[name]] == []


def test_what_is_shared_stays_shared() -> None:
    one = posterior()
    two = m4dl.Posterior(one.model, one.prior, data=np.ones(3), noise=one.noise)
    assert one.shares(two)
    a, b = afresh(pickle.dumps((one, two)))
    assert a.shares(b)
    assert a.model is b.model
    fit = m4dl.laplace(one)
    again = afresh(pickle.dumps((one, fit)))
    assert again[1].posterior is again[0]


def test_what_depends_on_the_machine_travels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Factors and eigenvectors are not found again: their bits are those of another LAPACK."""
    square = m4dl.TriangleMesh.rectangle((4, 4))
    things = [
        m4dl.GaussianPrior(np.zeros(2), [[2.0, 0.5], [0.5, 1.0]]),
        m4dl.SeriesPrior(square, modes=3, alpha=2.0),
        m4dl.MaternPrior(square),
        m4dl.MaternPrior(m4dl.Grid((4, 4))),
    ]
    dumped = pickle.dumps(things)

    def lost(*_: Any, **__: Any) -> Any:
        raise AssertionError("was found again")

    from m4dl.priors import gaussian, matern, series

    monkeypatch.setattr(gaussian, "_cholesky", lost)
    monkeypatch.setattr(series, "_simplex_modes", lost)
    monkeypatch.setattr(matern, "sparse_variance", lost)
    again = afresh(dumped)
    for thing, other in zip(things, again, strict=True):
        np.testing.assert_array_equal(thing.draw(2, seed=1), other.draw(2, seed=1))


def test_functions_of_coordinates_travel_as_values() -> None:
    mesh = m4dl.Grid((4,))
    local = 2.0
    things = [
        m4dl.MaternPrior(mesh, mean=lambda x: local * x[:, 0]),
        m4dl.SeriesPrior(mesh, modes=2, alpha=1.0, mean=lambda x: local * x[:, 0]),
        m4dl.Schrodinger(mesh, [[0.3]], lambda x: 1.0 + local * x[:, 0]),
        m4dl.Darcy(mesh, [[0.3]], lambda x: local * x[:, 0], boundary=lambda x: x[:, 0]),
        m4dl.AttenuatedXRay(
            m4dl.rays.Rays.random(m4dl.domains.Disk(), 4, seed=1),
            m4dl.rays.ZernikeBasis(2),
            attenuation=lambda x: local + x[:, 0],
            step=0.2,
        ),
    ]
    for thing in things:
        assert image(afresh(pickle.dumps(thing))) == image(thing)


def twice(theta: Array) -> Array:
    return 2.0 * theta


def test_users_functions(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [m for m in sys.modules if m.endswith("cloudpickle") or m == "dill"]:
        monkeypatch.delitem(sys.modules, name)  # with them a lambda may be what is wanted
    named = m4dl.PythonModel(twice, parameters=2, outputs=2)
    assert afresh(pickle.dumps(named))([1.0, 2.0]).tolist() == [2.0, 4.0]
    unnamed = m4dl.PythonModel(lambda theta: 2.0 * theta, parameters=2, outputs=2)
    prior, noise = m4dl.GaussianPrior(np.zeros(2), 1.0), m4dl.GaussianNoise(1.0)
    bent = m4dl.rays.Geodesics(
        m4dl.domains.Disk(), [0.1], [0.2], sound_speed=lambda r: 1.0 - 0.1 * np.exp(-(r**2))
    )
    for thing, what in (
        (unnamed, "PythonModel cannot be pickled: its forward"),
        (m4dl.Posterior(unnamed, prior, data=[0.0, 0.0], noise=noise), "its forward"),
        (bent, "Geodesics cannot be pickled: its sound_speed"),
        (credible.Interval(lambda x: x[:, 0]), "Interval cannot be pickled: its functional"),
    ):
        with pytest.raises(pickle.PicklingError, match=f"{what} is found by no name, got .*lambda"):
            pickle.dumps(thing)


class Own(m4dl.LinearModel):
    """A class of a user's, with other arguments."""

    def __init__(self, size: int, *, factor: float = 1.0) -> None:
        super().__init__(factor * np.eye(size))
        self.calls = 0


def test_users_classes() -> None:
    again = afresh(pickle.dumps(Own(3, factor=2.0)))
    assert type(again) is Own
    assert again(np.ones(3)).tolist() == [2.0] * 3


def test_results_of_a_store_reopen_it(tmp_path: Any) -> None:
    pytest.importorskip("zarr")
    kept = m4dl.sample(
        posterior(), m4dl.PCN(), draws=30, seed=1, store=tmp_path / "run.zarr", progress=False
    )
    again = afresh(pickle.dumps(kept))
    np.testing.assert_array_equal(np.asarray(again.theta[:]), np.asarray(kept.theta[:]))
    assert again.mean().tolist() == kept.mean().tolist()
    for run in (kept, again):
        with pytest.raises(ValueError, match="read-only"):
            run.theta[0, 0, 0] = 1.0


def test_dicts_and_lists_of_results_become_ones_own() -> None:
    about = draws().provenance
    with pytest.raises(TypeError, match=r"take dict\(...\) of it"):
        about["m4dl"] = "other"
    mine = copy.deepcopy(about)
    mine["notes"].append("mine")
    mine["build"]["lanes"] = 3
    assert mine["notes"] != list(about["notes"])
    assert about["build"]["lanes"] != 3
    interval = credible.Interval(np.ones(4)).of(draws())
    assert afresh(pickle.dumps(interval)).contains(np.zeros(4)) == interval.contains(np.zeros(4))
