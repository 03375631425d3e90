"""Credible sets and norms against closed forms, exact integrals, and their own definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import pytest
from m4dl import credible
from m4dl.domains.norms import SobolevNorm, SupNorm
from problems import Array
from scipy import stats

Seed = Callable[[int], int]
LINE = m4dl.Grid((20,))
LEVELS = (0.5, 0.95)


def draws_of(theta: Array, domain: Any = None, at: str | None = None) -> m4dl.results.Draws:
    """Draws (chain, draw, D) that came from nowhere."""
    chains = len(theta)
    return m4dl.results.Draws(
        theta,
        np.zeros(theta.shape[:2]),
        acceptance=np.ones(chains),
        step_size=np.ones(chains),
        failures=np.zeros(chains, dtype=np.int64),
        warmup=0,
        thin=1,
        seed=0,
        kernel="none",
        complete=True,
        provenance={},
        seconds=0.0,
        domain=domain,
        at=at,
    )


def gaussian(seed: int, count: int = 5000) -> m4dl.results.Draws:
    """Independent Gaussian fields on the nodes of a line, with a mean and unequal deviations."""
    rng = np.random.default_rng(seed)
    x = LINE.coordinates()[:, 0]
    theta = x + (0.5 + x) * rng.standard_normal((4, count // 4, 21))
    return draws_of(theta, LINE, "nodes")


DOMAINS: list[tuple[Any, str]] = [
    (m4dl.Grid((40,), ((-1.0, 2.0),)), "nodes"),
    (m4dl.Grid((30, 20), ((0.0, 3.0), (0.0, 1.0))), "nodes"),
    (m4dl.Grid((30, 20), ((0.0, 3.0), (0.0, 1.0))), "cells"),
    (m4dl.TriangleMesh.rectangle((60, 60), ((0.0, 3.0), (0.0, 1.0))), "nodes"),
    (m4dl.TetrahedronMesh.box((20, 4, 4), ((0.0, 3.0), (0.0, 1.0), (0.0, 1.0))), "nodes"),
]


@pytest.mark.parametrize(("domain", "at"), DOMAINS, ids=lambda v: str(v)[:24])
@pytest.mark.parametrize("order", [-2, -1, 0, 1, 2])
def test_norm_of_a_cosine(domain: Any, at: str, order: int) -> None:
    """cos(pi k x/L) is an eigenfunction: its squared norm is (1 + (pi k/L)^2)^s |O|/2."""
    x = domain.coordinates(at)[:, 0]
    low, length = (-1.0, 3.0) if x.min() < -0.5 else (0.0, 3.0)
    field = np.cos(np.pi * 2 * (x - low) / length)
    exact = np.sqrt((1 + (2 * np.pi / length) ** 2) ** order * domain.measure / 2)
    # second-order elements: (2 pi/3)^2 h^2/12 for an eigenvalue, h = 3/20 at most, times the order
    assert SobolevNorm(domain, at, order)(field) == pytest.approx(exact, rel=0.02)


def test_norms_are_integrals() -> None:
    """The same function on another mesh has the same norm; a constant has the root of |O|."""
    coarse, fine = m4dl.Grid((16, 16)), m4dl.Grid((64, 64))
    for order in (-1.5, 0.0, 0.5):
        values = [
            SobolevNorm(g, "nodes", order)(np.exp(g.coordinates() @ [1.0, -0.5]))
            for g in (coarse, fine)
        ]
        assert values[0] == pytest.approx(values[1], rel=2e-3)
    mesh = m4dl.TriangleMesh.rectangle((5, 4), ((0.0, 2.0), (0.0, 1.0)))
    assert SobolevNorm(mesh, "cells")(np.ones(len(mesh.cells))) == pytest.approx(np.sqrt(2))
    # linear functions: int x^2 = 8/3 exactly, by the mass matrix of linear elements
    assert SobolevNorm(mesh, "nodes")(mesh.points[:, 0]) == pytest.approx(np.sqrt(8 / 3), rel=1e-12)
    assert SupNorm()(np.array([[1.0, -3.0], [0.5, 0.2]])).tolist() == [3.0, 0.5]


KINDS: dict[str, Any] = {
    "equal-tailed": credible.Interval(np.arange(21.0)),
    "highest density": credible.Interval(lambda t: t[:, 3] + t[:, 5] ** 2, kind="highest-density"),
    "L2": credible.Ball(),
    "H^-1": credible.Ball(-1),
    "H^1": credible.Ball(1),
    "sup": credible.SupBall(),
    "band": credible.Band(),
    "ellipsoid": credible.Ellipsoid([np.arange(21.0), lambda t: t[:, 4] ** 3]),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("level", LEVELS)
def test_share_of_the_draws(name: str, level: float, seed: Seed) -> None:
    """A set holds its level of the draws that made it, and of other draws of the same law."""
    region = KINDS[name].of(gaussian(seed(900)), level)
    inside = region.contains(gaussian(seed(900)).theta)
    assert inside.shape == (4, 1250)
    assert inside.mean() == pytest.approx(level, abs=2.5 / 5000)
    # 5000 and 5000 draws, five standard errors; the shortest interval loses a little more
    fresh = region.contains(gaussian(seed(901)).theta).mean()
    error = np.sqrt(level * (1 - level) * 2 / 5000)
    optimism = 0.01 if name == "highest density" else 0.0
    assert -5 * error - optimism < fresh - level < 5 * error


def test_closed_forms(seed: Seed) -> None:
    """Radii of a standard Gaussian: chi distributions, and maxima of independent values."""
    rng = np.random.default_rng(seed(902))
    count = 40_000
    # cells of a line of length 5, width 1: the L2 norm is the vector norm
    grid = m4dl.Grid((5,), ((0.0, 5.0),))
    draws = draws_of(rng.standard_normal((8, count // 8, 5)), grid, "cells")
    # at 0.9 a radius has 5 errors of sqrt(p(1-p)/n)/density <= 5 * 0.0015/0.15 = 0.05
    for kind, exact in (
        (credible.Ball(), stats.chi.ppf(0.9, 5)),
        (credible.SupBall(), stats.norm.ppf((1 + 0.9 ** (1 / 5)) / 2)),
        (credible.Band(), stats.norm.ppf((1 + 0.9 ** (1 / 5)) / 2)),
        (credible.Ellipsoid(np.eye(5)[:3]), stats.chi.ppf(0.9, 3)),
        (credible.Interval(np.eye(5)[0]), stats.norm.ppf(0.95)),
        (credible.Interval(np.eye(5)[0], kind="highest-density"), stats.norm.ppf(0.95)),
    ):
        region = kind.of(draws, 0.9)  # type: ignore[attr-defined]
        assert region.radius == pytest.approx(exact, abs=0.05)
        assert abs(region.radius - exact) < 6 * region.mcse
        assert region.mcse < 0.03


def test_monte_carlo_error(seed: Seed) -> None:
    """The stated error is the spread of the radius over independent repetitions."""
    for name in ("L2", "equal-tailed", "band", "highest density"):
        sets = [KINDS[name].of(gaussian(seed(903 + k), 1000), 0.9) for k in range(60)]
        spread = np.std([s.radius for s in sets], ddof=1)
        stated = np.mean([s.mcse for s in sets])
        # of 60 the deviation is within 5/sqrt(118) = 46 %; the theory itself is a rough one
        assert 0.4 < stated / spread < 2.2, name


def test_moments_suffice_for_intervals_and_bands(seed: Seed) -> None:
    prior = m4dl.MaternPrior(LINE, length=0.3, smoothness=1.0, mean=2.0)
    model = m4dl.LinearModel(np.eye(21)[:1])
    posterior = m4dl.Posterior(model, prior, data=[2.0], noise=m4dl.GaussianNoise(100.0))
    options: dict[str, Any] = {"draws": 1000, "chains": 8, "seed": seed(970), "progress": False}
    weights = np.full(21, 1 / 21)
    moments = m4dl.sample(
        posterior, m4dl.PCN(1.0), keep="moments", functionals={"mean": weights}, **options
    )
    draws = m4dl.sample(posterior, m4dl.PCN(1.0), **options)
    short, exact = credible.Interval("mean").of(moments), credible.Interval(weights).of(draws)
    assert short.radius == pytest.approx(exact.radius, rel=0.05)  # 5 sigma of a 95 % quantile
    wide, band = credible.Band().of(moments), credible.Band().of(draws)
    assert wide.radius == pytest.approx(stats.norm.ppf((1 + 0.95 ** (1 / 21)) / 2))
    assert band.radius < wide.radius  # correlated values need less
    assert wide.contains(np.full(21, 2.0))
    assert not wide.contains(np.full(21, 2.0) + 4 * (np.arange(21) == 7))
    with pytest.raises(TypeError, match="by name only"):
        short.contains(np.zeros(21))


def test_constant_parameters() -> None:
    """Fixed boundary values have no standard deviation: a band holds them, and nothing else."""
    rng = np.random.default_rng(0)
    theta = 1 / 3 + rng.standard_normal((4, 100, 21)) * (np.arange(21) > 0)
    band = credible.Band().of(draws_of(theta, LINE, "nodes"))
    mean = theta.mean(axis=(0, 1))
    assert band.contains(mean)
    assert not band.contains(mean + 1e-6 * (np.arange(21) == 0))


def test_pictures(tmp_path: Any) -> None:
    pytest.importorskip("matplotlib")
    draws = gaussian(0, 1000)
    for name, kind in KINDS.items():
        figure = kind.of(draws).plot(exact=LINE.coordinates()[:, 0])
        figure.savefig(tmp_path / f"{name}.png")
    square = m4dl.Grid((6, 6))
    theta = np.random.default_rng(1).standard_normal((2, 100, 49))
    figure = credible.Band().of(draws_of(theta, square, "nodes")).plot(exact=np.full(49, 3.0))
    assert [ax.get_title() for ax in figure.axes[:3]] == ["lower end", "truth", "upper end"]


FEW = gaussian(0, 12)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda d: credible.Ball().of(d, 1.0), ValueError, r"level must be in \(0, 1\), got 1.0"),
        (lambda d: credible.Band().of(d, -0.1), ValueError, r"level must be in .* got -0.1"),
        (lambda d: credible.Ball().of(FEW), ValueError, "L2 ball .* at least 19 draws, got 12"),
        (
            lambda d: credible.Interval(np.ones(21)).of(FEW),
            ValueError,
            "equal-tailed interval of level 0.95 needs at least 39 draws, got 12",
        ),
        (
            lambda d: credible.Interval(np.ones(21), kind="highest-density").of(FEW, 0.9),
            ValueError,
            "needs at least 19 draws, got 12",
        ),
        (lambda d: credible.Interval(np.ones(5)).of(d), ValueError, r"shape \(21,\), got \(5,\)"),
        (lambda d: credible.Interval("mean").of(d), TypeError, "weights or a function .* 'mean'"),
        (lambda d: credible.Interval(np.ones(21), kind="hpd"), ValueError, "got 'hpd'"),
        (
            lambda d: credible.Ball().of(d).contains(np.zeros(20)),
            ValueError,
            r"\(\.\.\., 21\), got",
        ),
        (lambda d: credible.Ball().of(d).plot(np.zeros(20)), ValueError, r"exact must have shape"),
        (lambda d: credible.Ball().of(draws_of(d.theta)), ValueError, "no domain"),
        (lambda d: credible.Ball(domain=LINE), ValueError, "belong together"),
        (lambda d: credible.Ellipsoid([]), ValueError, "at least one"),
        (
            lambda d: credible.Ellipsoid([np.ones(21), 2 * np.ones(21)]).of(d),
            ValueError,
            "linearly independent",
        ),
        (lambda d: credible.Ball().of(d.theta), TypeError, "draws must be m4dl Draws, got ndarray"),
        (
            lambda d: SobolevNorm(m4dl.TriangleMesh.rectangle((2, 2)), "nodes", 0.5),
            ValueError,
            "order must be an integer on a mesh, got 0.5",
        ),
        (
            lambda d: SobolevNorm(m4dl.TriangleMesh.rectangle((2, 2)), "cells", 1),
            ValueError,
            "order must be 0 for values in cells of a mesh, got 1",
        ),
    ],
)
def test_bad_input(call: Callable[..., Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(gaussian(0, 400))


def test_sets_that_moments_cannot_give() -> None:
    moments = m4dl.results.Moments(
        mean=np.zeros((2, 3)),
        variance=np.ones((2, 3)),
        mcse=np.ones(3),
        rhat=np.ones(3),
        functionals={"a": {"mean": 0.0, "std": 1.0, "mcse": 0.1}},
        draws=10,
        acceptance=np.ones(2),
        step_size=np.ones(2),
        failures=np.zeros(2, dtype=np.int64),
        warmup=0,
        thin=1,
        seed=0,
        kernel="none",
        complete=True,
        provenance={},
        seconds=0.0,
    )
    for kind in (credible.Ball(), credible.SupBall(), credible.Ellipsoid([np.ones(3)])):
        with pytest.raises(TypeError, match=r'needs draws: .*Sample with keep="draws"'):
            kind.of(moments)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the name of a functional that was followed"):
        credible.Interval(np.ones(3)).of(moments)
    with pytest.raises(ValueError, match="functional must be one of 'a', got 'b'"):
        credible.Interval("b").of(moments)
    with pytest.raises(ValueError, match="equal-tailed"):
        credible.Interval("a", kind="highest-density").of(moments)
    assert credible.Interval("a").of(moments).high == pytest.approx(1.959964, abs=1e-5)
