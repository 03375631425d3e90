"""Every place that takes numbers takes real ones: no imaginary part is dropped, no string read.

Of users' functions, and of arrays and scalars; the rest is in ``test_errors``. Booleans count in
functionals and diagnostics alone, where the mean of an indicator is a probability.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import m4dl
import numpy as np
import pytest
from gallery import draws, make_data, posterior, squared
from m4dl import credible, testing
from m4dl._base import validate as _validate
from m4dl.results import diagnostics
from problems import Array
from test_draws import about

Change = Callable[[Array], Any]
QUIET: dict[str, Any] = {"seed": 1, "progress": False}
RUN: dict[str, Any] = {"draws": 20, "warmup": 5, **QUIET}

WRONG: dict[str, Change] = {
    "complex": lambda x: x * (1 + 1j),
    "real, but complex": lambda x: x * (1 + 0j),
    "strings": lambda x: x.astype(str),
    "objects": lambda x: x.astype(object),
}
INDICATOR: Change = lambda x: x > 0  # noqa: E731


@pytest.fixture(autouse=True)
def _no_warning_instead() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # short runs
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        yield


def python(change: Change, what: str) -> m4dl.PythonModel:
    def forward(t: Array) -> Any:
        return change(t[:, :3]) if what == "forward" else t[:, :3]

    def gradient(t: Array, w: Array) -> Any:
        out = np.pad(w, ((0, 0), (0, 1)))
        return change(out) if what == "gradient" else out

    return m4dl.PythonModel(forward, gradient, parameters=4, outputs=3, batched=True)


GRID, DISK = m4dl.Grid((3, 3)), m4dl.domains.Disk()

FUNCTIONALS: dict[str, Callable[[Any], Any]] = {
    "functional": lambda f: draws().functional(f),
    "summary": lambda f: draws().summary(functionals={"a": f}),
    "moments": lambda f: m4dl.sample(
        posterior(), m4dl.PCN(), keep="moments", functionals={"a": f}, **RUN
    ),
    "interval": lambda f: credible.Interval(f).of(draws(), 0.9),
    "ellipsoid": lambda f: credible.Ellipsoid([f, squared]).of(draws(), 0.9),
    "trace": lambda f: draws().plot_trace(functional=f),
    "ula bias": lambda f: m4dl.langevin.ula_bias(
        posterior(), m4dl.ULA(0.1), functionals={"a": f}, **RUN
    ),
    "sbc": lambda f: m4dl.studies.sbc(
        posterior(), m4dl.PCN(), replicates=50, draws=9, functionals={"a": f}, **QUIET
    ),
    "rank test": lambda f: m4dl.studies.rank_test(
        posterior(), m4dl.PCN(0.5), replicates=50, functionals={"a": f}, **QUIET
    ),
}

FIELDS: dict[str, Callable[[Change], Any]] = {
    "forward": lambda c: python(c, "forward")(np.ones((2, 4))),
    "gradient": lambda c: python(c, "gradient").pull(np.ones((2, 4)), np.ones((2, 3))),
    "derivatives": lambda c: testing.check_derivatives(python(c, "forward"), np.zeros(4)),
    "mean": lambda c: m4dl.MaternPrior(GRID, mean=lambda x: c(x[:, 0])),
    "mean of a series": lambda c: m4dl.SeriesPrior(
        GRID, modes=2, alpha=2.0, mean=lambda x: c(x[:, 0])
    ),
    "source": lambda c: m4dl.Darcy(GRID, [[0.4, 0.5]], source=lambda x: c(x[:, 0])),
    "boundary": lambda c: m4dl.Schrodinger(GRID, [[0.4, 0.5]], boundary=lambda x: c(x[:, 0])),
    "sound speed": lambda c: m4dl.rays.Geodesics(
        DISK, [0.1], [0.2], sound_speed=lambda r: c(np.ones_like(r))
    ),
    "zernike": lambda c: m4dl.rays.ZernikeBasis(2).coefficients(lambda x: c(x[:, 0])),
    "white noise": lambda c: posterior().potential(c(np.ones(4))),
    "theta": lambda c: posterior().log_density(c(np.ones(4))),
    "contains": lambda c: credible.Ball().of(draws(), 0.9).contains(c(np.ones(4))),
    "draws": lambda c: m4dl.results.Draws(c(np.ones((1, 4, 2))), np.zeros((1, 4)), **about(1)),
    "log-likelihood": lambda c: m4dl.results.Draws(
        np.ones((1, 4, 2)), c(np.zeros((1, 4))), **about(1)
    ),
    "acceptance": lambda c: m4dl.results.Draws(
        np.ones((1, 4, 2)), np.zeros((1, 4)), **about(1, acceptance=c(np.ones(1)))
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("where", FUNCTIONALS)
def test_functionals_return_real_numbers(where: str, wrong: str) -> None:
    with pytest.raises(TypeError, match="must return real numbers, got dtype"):
        FUNCTIONALS[where](lambda x: WRONG[wrong](x[:, 0]))


@pytest.mark.parametrize("where", FUNCTIONALS)
def test_indicators_are_functionals(where: str) -> None:
    FUNCTIONALS[where](lambda x: INDICATOR(x[:, 0]))


def test_a_coverage_study_says_which_functional_is_not_real() -> None:
    """Errors of replicates are counted, and the first is told."""
    kinds = {"i": credible.Interval(lambda x: x[:, 0] * 1j)}
    with pytest.raises(RuntimeError, match="must return real numbers, got dtype complex128"):
        m4dl.studies.coverage(
            make_data, posterior().prior, 1, kinds, m4dl.PCN(0.6), replicates=3, draws=200,
            most_rhat=9.0, least_ess=1, **QUIET,
        )  # fmt: skip


@pytest.mark.parametrize("wrong", [*WRONG, "booleans"])
@pytest.mark.parametrize("where", FIELDS)
def test_fields_are_real_numbers(where: str, wrong: str) -> None:
    change = WRONG.get(wrong, INDICATOR)
    with pytest.raises(TypeError, match=r"must (be|return) (an array of )?real numbers"):
        FIELDS[where](change)


def test_moments_and_diagnostics() -> None:
    good = {"mean": np.ones((4, 3)), "variance": np.ones((4, 3)), "mcse": np.ones(3)}
    good |= {"rhat": np.ones(3)}
    for name, values in good.items():
        with pytest.raises(TypeError, match=f"{name} must be real numbers, got dtype complex128"):
            m4dl.results.Moments(
                **good | {name: values * 1j}, functionals={}, draws=10, **about(4)
            )  # fmt: skip
    x = np.random.default_rng(0).standard_normal((4, 100))
    for function in (diagnostics.ess, diagnostics.rhat, diagnostics.mcse_mean):
        for values in (x * 1j, x.astype(str), (x * 1j).tolist()):
            with pytest.raises(TypeError, match="draws must be real numbers, got dtype"):
                function(values)
        assert function(x > 0) == function((x > 0).astype(float))


@pytest.mark.parametrize(
    "value",
    [1j, np.complex128(2.0), np.array(1j), True, np.True_, np.array(True), "3", b"3", np.array("3"),
     np.str_("3"), np.array(3, object), np.datetime64(3, "s"), None, [1.0], [[1.0], [1.0, 2.0]]],
    ids=repr,
)  # fmt: skip
def test_what_is_no_number(value: Any) -> None:
    with pytest.raises(TypeError, match="step must be a number, got "):
        _validate.number("step", value)
    with pytest.raises(TypeError, match=r"beta must be a number, got|beta must be"):
        m4dl.PCN(value)


@pytest.mark.parametrize(
    "value", [3, 3.0, np.float32(3), np.int8(3), np.array(3), Fraction(6, 2), Decimal(3)], ids=repr
)
def test_what_is_a_number(value: Any) -> None:
    assert _validate.number("step", value) == 3.0
    with pytest.raises(ValueError, match="step must be finite, got 1000"):
        _validate.number("step", 10**400)
