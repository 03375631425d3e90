"""Posteriors whose means, deviations and tails are known by quadrature or in closed form.

White noise and theta are one and the same in the small ones: the prior is Gaussian, so each is a
Gaussian times a likelihood, and a Python function of two or three parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import m4dl
import numpy as np
from numpy.typing import NDArray
from problems import five_point_darcy
from scipy import special, stats

Array = NDArray[np.float64]
Function = Callable[[Array], Array]
REFERENCE = Path(__file__).parents[1] / "tests/data/reference_problems"


@dataclass(frozen=True)
class Exact:
    """A functional of theta (n, D) -> (n,) with its exact mean and standard deviation."""

    of: Function
    mean: float
    std: float


@dataclass(frozen=True)
class Tail:
    """An event, theta (n, D) -> (n,) of 0 and 1, with its exact probability."""

    of: Function
    probability: float


@dataclass(frozen=True)
class Problem:
    """A posterior and what is known of it."""

    posterior: m4dl.Posterior
    exact: dict[str, Exact]
    tails: dict[str, Tail]


def _python(
    forward: Callable[[Array], Array], pull: Any, mean: Any, std: Any, data: Any, noise: float
) -> m4dl.Posterior:
    model = m4dl.PythonModel(forward, pull, parameters=len(mean), outputs=len(data), batched=True)
    prior = m4dl.GaussianPrior(np.array(mean, float), np.array(std, float) ** 2)
    return m4dl.Posterior(model, prior, data=data, noise=m4dl.GaussianNoise(noise))


def _coordinate(k: int) -> Function:
    return lambda theta: theta[:, k]


def _beyond(k: int, bound: float, sign: float = 1.0) -> Function:
    return lambda theta: (sign * theta[:, k] > sign * bound).astype(float)


def _marginals(
    names: list[str], points: list[Array], density: Array
) -> tuple[dict[str, Exact], dict[str, Tail]]:
    """Exact values of the coordinates from a density on a product of uniform grids.

    Tails hold about 0.5 % and 2 %, from the midpoint between two points of the grid.
    """
    density = density / density.sum()
    exact: dict[str, Exact] = {}
    tails: dict[str, Tail] = {}
    for k, (name, x) in enumerate(zip(names, points, strict=True)):
        axes = tuple(j for j in range(len(points)) if j != k)
        weight = density.sum(axis=axes)
        mean = float(weight @ x)
        exact[name] = Exact(_coordinate(k), mean, float(np.sqrt(weight @ (x - mean) ** 2)))
        below = np.cumsum(weight)
        for level in (0.005, 0.02, 0.98, 0.995):
            i = int(np.searchsorted(below, level))
            bound, share = 0.5 * (x[i] + x[i + 1]), float(below[i])
            sign = 1.0 if level > 0.5 else -1.0
            p = 1.0 - share if level > 0.5 else share
            tails[f"{name} {'>' if level > 0.5 else '<'} {bound:.3g}"] = Tail(
                _beyond(k, bound, sign), p
            )
    return exact, tails


def _two(posterior: m4dl.Posterior, names: list[str], points: list[Array]) -> Problem:
    """A posterior of two parameters, by sums over a fine grid of both."""
    grid = np.stack(np.meshgrid(*points, indexing="ij"), axis=-1).reshape(-1, 2)
    prior = posterior.prior
    white = (grid - prior.push(np.zeros(2))) / prior.marginal_std()
    log = posterior.log_likelihood(grid) - 0.5 * (white**2).sum(axis=1)
    density = np.exp(log - log.max()).reshape(len(points[0]), len(points[1]))
    return Problem(posterior, *_marginals(names, points, density))


def wang_cubic() -> Problem:
    """A cubic misfit: its walls are stiff far out, where the density is 1 % and less."""
    posterior = _python(
        lambda x: (10 * x[:, 1] - 10 * x[:, 0] ** 3 + 5 * x[:, 0] ** 2 + 6 * x[:, 0])[:, None],
        lambda x, w: w * np.stack([-30 * x[:, 0] ** 2 + 10 * x[:, 0] + 6, 0 * x[:, 0] + 10], 1),
        [1.0, 0.0],
        [1.0, 1.0],
        [1.0],
        1.0,
    )
    return _two(posterior, ["x1", "x2"], [np.linspace(-2.5, 3.5, 1201), np.linspace(-5, 6, 1101)])


def banana() -> Problem:
    """x2 = 2 (x1^2 - 1) up to 0.3: a narrow parabola whose arms are long."""
    posterior = _python(
        lambda x: (x[:, 1] - 2.0 * (x[:, 0] ** 2 - 1.0))[:, None],
        lambda x, w: w * np.stack([-4.0 * x[:, 0], np.ones(len(x))], 1),
        [0.0, 0.0],
        [1.0, 3.0],
        [0.0],
        0.3,
    )
    return _two(posterior, ["x1", "x2"], [np.linspace(-4, 4, 801), np.linspace(-5, 20, 1251)])


def two_modes() -> Problem:
    """x1^2 is seen, and its sign is not, but for the prior: modes near -2 and 2, 1 to 3."""
    posterior = _python(
        lambda x: np.stack([x[:, 0] ** 2, x[:, 1] - 0.5 * x[:, 0]], 1),
        lambda x, w: np.stack([2.0 * x[:, 0] * w[:, 0] - 0.5 * w[:, 1], w[:, 1]], 1),
        [0.3, 0.0],
        [1.0, 1.0],
        [4.0, 0.0],
        0.8,
    )
    return _two(posterior, ["x1", "x2"], [np.linspace(-4, 4, 1601), np.linspace(-5, 5, 251)])


FUNNEL, WIDTH = 4, 10.0


def funnel() -> Problem:
    """x_k given v of precision exp(-v) + 1/100, k < 4, v ~ N(0, 9): Neal's, with a bounded mouth.

    The determinant exp(-k v/2) is the misfit of one more output, sqrt(2 (c + 2 v)), whose c keeps
    it positive. Then p(v) ~ N(v; 0, 9) (exp(v) + 100)^{-2}, and x_k given v is Gaussian.
    """
    shift = 80.0

    def forward(x: Array) -> Array:
        root = np.sqrt(np.maximum(2.0 * (shift + 0.5 * FUNNEL * x[:, :1]), 1e-300))
        return np.hstack([x[:, 1:] * np.exp(-0.5 * x[:, :1]), root])

    def pull(x: Array, w: Array) -> Array:
        scale = np.exp(-0.5 * x[:, :1])
        root = np.sqrt(np.maximum(2.0 * (shift + 0.5 * FUNNEL * x[:, :1]), 1e-300))
        v = -0.5 * (x[:, 1:] * w[:, :-1]).sum(axis=1, keepdims=True) * scale
        return np.hstack([v + 0.5 * FUNNEL * w[:, -1:] / root, w[:, :-1] * scale])

    posterior = _python(
        forward,
        pull,
        np.zeros(FUNNEL + 1),
        np.r_[3.0, np.full(FUNNEL, WIDTH)],
        np.zeros(FUNNEL + 1),
        1.0,
    )
    v = np.linspace(-18.0, 18.0, 36001)
    weight = np.exp(-(v**2) / 18.0 - 0.5 * FUNNEL * np.log(np.exp(v) + WIDTH**2))
    exact, tails = _marginals(["v"], [v], weight)
    weight /= weight.sum()
    std = 1.0 / np.sqrt(np.exp(-v) + WIDTH**-2)
    exact["x1"] = Exact(_coordinate(1), 0.0, float(np.sqrt(weight @ std**2)))
    bound = 8.0
    tails["x1 > 8"] = Tail(_beyond(1, bound), float(weight @ stats.norm.sf(bound / std)))
    return Problem(posterior, exact, tails)


def ridge() -> Problem:
    """Michaelis and Menten's V s/(K + s), with half-Cauchy V and K, at concentrations below K.

    The data know V/K and little more, so that K has the tail of its prior along V = 1.2 K. Both
    are tangents of Gaussian noise: log V and log K are looked at, and how far K may be.
    """
    s = np.array([0.2, 0.4, 0.6, 0.8, 1.0, 1.2])
    data = 2.4 * s / (2.0 + s)

    def heavy(x: Array) -> Array:
        return np.tan(0.5 * np.pi * special.ndtr(x))

    def forward(x: Array) -> Array:
        k = heavy(x)
        return k[:, :1] * s / (k[:, 1:] + s)

    def pull(x: Array, w: Array) -> Array:
        k = heavy(x)
        slope = 0.5 * np.pi * (1.0 + k**2) * np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi)
        by_v = (w * s / (k[:, 1:] + s)).sum(axis=1)
        by_k = -(w * k[:, :1] * s / (k[:, 1:] + s) ** 2).sum(axis=1)
        return slope * np.stack([by_v, by_k], 1)

    posterior = _python(forward, pull, [0.0, 0.0], [1.0, 1.0], data, 0.1)
    return _two(posterior, ["V", "K"], [np.linspace(-0.5, 4.5, 1251), np.linspace(-3, 5, 801)])


def gauss() -> Problem:
    """A linear model of 30 parameters and 12 data."""
    rng = np.random.default_rng(3)
    matrix = rng.standard_normal((12, 30)) / np.sqrt(30)
    data, noise = rng.standard_normal(12), 0.2
    posterior = m4dl.Posterior(
        m4dl.LinearModel(matrix),
        m4dl.GaussianPrior(np.ones(30), 4.0),
        data=data,
        noise=m4dl.GaussianNoise(noise),
    )
    covariance = np.linalg.inv(matrix.T @ matrix / noise**2 + np.eye(30) / 4.0)
    mean = covariance @ (matrix.T @ data / noise**2 + np.ones(30) / 4.0)
    exact: dict[str, Exact] = {}
    tails: dict[str, Tail] = {}
    for k in range(3):
        std = float(np.sqrt(covariance[k, k]))
        exact[f"x{k}"] = Exact(_coordinate(k), float(mean[k]), std)
        tails[f"x{k} > 2 std"] = Tail(_beyond(k, mean[k] + 2 * std), float(stats.norm.sf(2)))
    return Problem(posterior, exact, tails)


def _reference(name: str) -> Problem:
    with np.load(REFERENCE / f"data_{name}_n32.npz") as file:
        data = {key: file[key] for key in file.files}
    n, s = int(data["n"]), float(data["s"])
    grid = m4dl.Grid((n + 1, n + 1))
    prior = m4dl.MaternPrior(
        grid,
        std=s,
        length=float(np.sqrt(8.0) / data["kappa"]),
        smoothness=1.0,
        at="interior",
        boundary="neumann",
    )
    model: Any = five_point_darcy(n, data["idx"])
    if name == "P1":
        model = m4dl.Schrodinger(grid, data["X"], float(data["g"]), at="interior")
    noise = m4dl.GaussianNoise(float(data["sigma"]))
    return Problem(m4dl.Posterior(model, prior, data=data["y"], noise=noise), {}, {})


def schrodinger() -> Problem:
    """The reference problem P1; of it only the verdict is asked for."""
    return _reference("P1")


def darcy() -> Problem:
    """The reference problem P2; of it only the verdict is asked for."""
    return _reference("P2")
