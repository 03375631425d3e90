"""What a row of the catalogue holds, and rows that differ by a mesh or an option only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Protocol

import m4dl
import numpy as np
import oracles as o
from problems import Array, five_point_darcy, mixed_boundary


class Oracle(Protocol):
    """What a model is compared with; one theta at a time."""

    def forward(self, theta: Array, /) -> Array: ...
    def pull(self, theta: Array, sensitivity: Array, /) -> Array: ...


@dataclass(frozen=True)
class ModelRow:
    """A forward map.

    ``refined(n)``, where given, is the largest error at fixed points on a mesh of n cells along
    each axis, for the ``sizes`` given; it must fall like n**-order.
    """

    name: str
    build: Callable[[], m4dl.Model]
    oracle: Callable[[], Oracle]
    centre: float = 0.0  # theta of the tests: centre + spread * N(0, 1)
    spread: float = 0.4
    refined: Callable[[int], float] | None = None
    order: float = 2.0
    sizes: tuple[int, int, int] = (8, 16, 32)
    linear: bool = False
    push: bool = True

    def __str__(self) -> str:
        return self.name

    def thetas(self, model: m4dl.Model, count: int, seed: int = 0) -> Array:
        """(count, D) points at which to test."""
        rng = np.random.default_rng(seed)
        return self.centre + self.spread * rng.standard_normal((count, model.parameters))


@dataclass(frozen=True)
class PriorRow:
    """A map of white noise; ``covariance`` (D, D) and ``mean`` (D,) are what it must have."""

    name: str
    build: Callable[[], m4dl.Prior]
    covariance: Callable[[], Array]
    mean: Callable[[], Array] | float = 0.0

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class KernelRow:
    """A kernel, built with a metric or None; ``exact``: reversible for the posterior."""

    name: str
    build: Callable[..., Any]
    gradient: bool
    exact: bool = True
    target: float | None = None  # acceptance to which warmup adapts
    across: bool = False  # adapts to all chains together
    metric: str | None = None  # "diagonal" or "low rank"
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def sized(self, size: float) -> dict[str, float]:
        """The first option, which is the step size by its own name, at another value."""
        return {next(iter(self.options)): size}

    def kernel(self, white: int, **options: Any) -> Any:
        """The kernel for ``white`` components, with a metric where the row says so."""
        return self.build(metric=metric_of(self.metric, white), **{**self.options, **options})


@dataclass(frozen=True)
class DelayedRow(KernelRow):
    """Delayed acceptance of that kernel, with a coarse posterior that has nothing to do with it."""

    def kernel(self, white: int, **options: Any) -> Any:
        """Three steps of the kernel for each."""
        inner = super().kernel(white, **options)
        return m4dl.DelayedAcceptance(unrelated(white), inner, steps=3, error_model="none")


@cache
def unrelated(white: int) -> m4dl.Posterior:
    """One datum, 0.6, of the sum of all white noises."""
    return m4dl.Posterior(
        m4dl.LinearModel(np.full((1, white), 0.7 / white**0.5)),
        m4dl.GaussianPrior(np.zeros(white), 1.0),
        data=[0.6],
        noise=m4dl.GaussianNoise(1.0),
    )


def metric_of(kind: str | None, white: int) -> Any:
    """A metric with variances above and below 1; the low-rank one is centred away from zero."""
    if kind is None:
        return None
    if kind == "diagonal":
        return m4dl.kernels.DiagonalMetric(0.5 + np.arange(white) % 3 / 2.0)  # 0.5, 1, 1.5, ...
    rank = min(2, white)
    basis = np.linalg.qr(np.random.default_rng(8).standard_normal((white, rank)))[0]
    return m4dl.kernels.LowRankMetric(0.3 * np.cos(np.arange(white)), basis, [0.4, 1.5][:rank])


def gaussian_of(metric: Any, white: int) -> tuple[Array, Array, Array]:
    """Centre (W,), covariance C and its symmetric root (W, W) of a metric, densely."""
    if metric is None:
        return np.zeros(white), np.eye(white), np.eye(white)
    if isinstance(metric, m4dl.kernels.DiagonalMetric):
        return np.zeros(white), np.diag(metric.variance), np.diag(np.sqrt(metric.variance))
    v = metric.basis
    covariance = np.eye(white) + (v * (metric.variance - 1.0)) @ v.T
    values, vectors = np.linalg.eigh(covariance)
    return metric.centre, covariance, (vectors * np.sqrt(values)) @ vectors.T


POINTS = np.random.default_rng(1).uniform(0.05, 0.95, (7, 3))
TILTED = ((0.0, 1.0), (-0.5, 1.0))  # an extent with unequal axes
BOX2, BOX3 = o.Box((6, 5), TILTED), o.Box((4, 3, 5))
DISK = o.disk_triangulation(3, 1.2)


def warp(points: Array) -> Array:
    """A smooth map of the unit square or cube onto itself, so that no two cells are alike."""
    bump = 0.06 * np.prod(np.sin(np.pi * points), axis=1, keepdims=True)
    return points + bump * np.array([1.0, -0.7, 0.5])[: points.shape[1]]


CUBE = o.cube_triangulation(3, warp)


def link(kind: str, floor: float = 0.0) -> o.Link:
    """The oracle's link with a floor."""
    plain = o.LINKS[kind]
    return o.Link(lambda t: floor + plain.value(t), plain.slope)


def inverse_link(kind: str, c: Array, floor: float = 0.0) -> Array:
    """theta with link(theta) = c."""
    inverses = {
        "exp": lambda v: np.log(v),
        "softplus": lambda v: np.log(np.expm1(v)),
        "identity": lambda v: v,
    }
    out: Array = inverses[kind](c - floor)
    return out


def grid(box: o.Box) -> m4dl.Grid:
    return m4dl.Grid(box.cells, box.extent)


def simplices(mesh: o.Triangulation) -> m4dl.TriangleMesh | m4dl.TetrahedronMesh:
    kind = m4dl.TriangleMesh if mesh.dim == 2 else m4dl.TetrahedronMesh
    return kind(mesh.points, mesh.cells)


def simplices_name(mesh: o.Triangulation) -> str:
    return "triangles" if mesh.dim == 2 else "tetrahedra"


def in_simplices(mesh: o.Triangulation) -> Array:
    """Points of the disk or of the cube."""
    return 0.8 * POINTS[:, :2] - 0.3 if mesh.dim == 2 else POINTS


def refined_simplices(dim: int, n: int) -> o.Triangulation:
    """Warped cells of size 1/n of the unit square or cube."""
    return (o.square_triangulation if dim == 2 else o.cube_triangulation)(n, warp)


def in_box(box: o.Box, count: int = 6) -> Array:
    """Points of the box: inside, and as the last one a corner, where the value is given."""
    low, high = box.bounds.T
    inside = low + (high - low) * POINTS[:count, : box.dim]
    return np.vstack([inside, high])


def wall(x: Array) -> Array:
    """Boundary values that differ everywhere."""
    return np.asarray(1.0 + 0.5 * x[:, 0] + 0.3 * x[:, -1] ** 2)


def coarse_nodes(dim: int, extent: Any = None) -> Array:
    """Nodes that all meshes of the convergence tests share."""
    low, high = o.Box((4,) * dim, extent).bounds.T
    fractions = [(0.25, 0.5, 0.75), (0.5, 0.25, 0.25), (0.75, 0.75, 0.5)]
    return low + (high - low) * np.array(fractions)[:, :dim]


def schrodinger(
    box: o.Box, at: str, kind: str = "exp", floor: float = 0.0, **changes: Any
) -> ModelRow:
    dim = box.dim

    def refined(n: int) -> float:
        u, f = o.manufactured_schrodinger(dim)
        mesh = m4dl.Grid((n,) * dim, box.extent)
        x = coarse_nodes(dim, box.extent)
        model = m4dl.Schrodinger(mesh, x, u, at=at, link=kind, floor=floor)
        theta = inverse_link(kind, f(mesh.coordinates(at)), floor)
        return float(np.abs(model(theta) - u(x)).max())

    def oracle() -> Oracle:
        g = wall(box.coordinates("nodes"))
        return o.SchrodingerGrid(box, in_box(box), g, at, link(kind, floor))

    def build() -> m4dl.Model:
        return m4dl.Schrodinger(grid(box), in_box(box), wall, at=at, link=kind, floor=floor)

    name = f"schrodinger {dim}d {at} {kind}{' floor' if floor else ''}"
    return ModelRow(name, build, oracle, refined=refined, **changes)


def schrodinger_simplices(mesh: o.Triangulation, **changes: Any) -> ModelRow:
    dim, points = mesh.dim, in_simplices(mesh)

    def refined(n: int) -> float:
        u, f = o.manufactured_schrodinger(dim)
        fine = refined_simplices(dim, n)
        x = warp(coarse_nodes(dim))
        model = m4dl.Schrodinger(simplices(fine), x, u)
        return float(np.abs(model(np.log(f(fine.points))) - u(x)).max())

    return ModelRow(
        f"schrodinger {simplices_name(mesh)}",
        lambda: m4dl.Schrodinger(simplices(mesh), points, wall),
        lambda: o.SchrodingerP1(mesh, points, wall(mesh.points)),
        refined=refined,
        **changes,
    )


def darcy(
    box: o.Box, at: str | tuple[int, ...], kind: str = "exp", floor: float = 0.0, **changes: Any
) -> ModelRow:
    """``at`` may be a number of blocks along each axis. Boundary values and source vary."""
    dim = box.dim
    where = {"at": at} if isinstance(at, str) else {"blocks": at}

    def source(x: Array) -> Array:
        return np.asarray(3.0 + x[:, 0] - np.sin(4.0 * x[:, -1]))  # a linear one hides lumping

    def refined(n: int) -> float:
        u, log_f, s = o.manufactured_darcy(dim)
        mesh = m4dl.Grid((n,) * dim, box.extent)
        x = coarse_nodes(dim, box.extent)
        location = where if isinstance(at, str) else {"blocks": (n // 2,) * dim}
        model = m4dl.Darcy(mesh, x, s, boundary=u, link=kind, floor=floor, **location)
        assert model.domain is not None
        assert model.at is not None
        c = np.exp(log_f(model.domain.coordinates(model.at)))
        return float(np.abs(model(inverse_link(kind, c, floor)) - u(x)).max())

    def oracle() -> Oracle:
        x = box.coordinates("nodes")
        return o.DarcyGrid(box, in_box(box), source(x), wall(x), at, link(kind, floor))

    def build() -> m4dl.Model:
        options = {"boundary": wall, "link": kind, "floor": floor, **where}
        return m4dl.Darcy(grid(box), in_box(box), source, **options)

    label = at if isinstance(at, str) else "blocks"
    name = f"darcy {dim}d {label} {kind}{' floor' if floor else ''}"
    return ModelRow(name, build, oracle, refined=refined, **changes)


def darcy_simplices(mesh: o.Triangulation, at: str, **changes: Any) -> ModelRow:
    dim, points, g = mesh.dim, in_simplices(mesh), wall(mesh.points)

    def refined(n: int) -> float:
        u, log_f, s = o.manufactured_darcy(dim)
        fine = simplices(refined_simplices(dim, n))
        x = warp(coarse_nodes(dim))
        model = m4dl.Darcy(fine, x, s, at=at)
        return float(np.abs(model(log_f(fine.coordinates(at))) - u(x)).max())

    return ModelRow(
        f"darcy {simplices_name(mesh)} {at}",
        lambda: m4dl.Darcy(simplices(mesh), points, wall, boundary=wall, at=at),
        lambda: o.DarcyP1(mesh, points, g, g, at),
        refined=refined,
        **changes,
    )


def affine_five_point() -> ModelRow:
    def reference(n: int, observe: Array) -> o.ReferenceDarcy:
        data = {"n": n, "idx": observe, "y": [], "sigma": 1.0, "g": 0.0, "kappa": 1.0, "s": 1.0}
        return o.ReferenceDarcy(data)

    def refined(n: int) -> float:
        mesh = m4dl.Grid((n, n))
        nodes = np.rint(coarse_nodes(2) * n).astype(int) - 1
        index = np.ravel_multi_index(tuple(nodes.T), (n - 1, n - 1))
        theta = mesh.coordinates("interior") @ [0.7, -1.1]
        return float(np.abs(five_point_darcy(n - 1, index)(theta) - _fine_darcy()).max())

    observe = np.array([3, 12, 24, 7])
    return ModelRow(
        "affine five-point",
        lambda: five_point_darcy(5, observe),
        lambda: reference(5, observe),
        refined=refined,
        sizes=(4, 8, 16),
    )


@cache
def _fine_darcy() -> Array:
    """u at the coarse nodes for theta = 0.7 x - 1.1 y and source 1, by Q1 with 128 x 128 cells."""
    mesh = m4dl.Grid((128, 128))
    theta = mesh.coordinates("nodes") @ [0.7, -1.1]
    return m4dl.Darcy(mesh, coarse_nodes(2), 1.0)(theta)


def affine_mixed() -> ModelRow:
    """Natural conditions on three sides: u = sin(pi x/2) cos(pi y), theta = 0.5 y - x."""

    def exact(x: Array) -> Array:
        return np.asarray(np.sin(0.5 * np.pi * x[:, 0]) * np.cos(np.pi * x[:, 1]))

    def source(x: Array) -> Array:
        a, b = 0.5 * np.pi * x[:, 0], np.pi * x[:, 1]
        slope = -0.5 * np.pi * np.cos(a) * np.cos(b) - 0.5 * np.pi * np.sin(a) * np.sin(b)
        f = np.exp(0.5 * x[:, 1] - x[:, 0])
        return np.asarray(f * (1.25 * np.pi**2 * exact(x) - slope))

    def refined(n: int) -> float:
        x, mesh = coarse_nodes(2), o.square_triangulation(n)
        theta = mesh.points[mesh.cells].mean(axis=1) @ [-1.0, 0.5]
        return float(np.abs(mixed_boundary(n, x, source)(theta) - exact(x)).max())

    def oracle() -> Oracle:
        mesh = o.square_triangulation(3)
        out = o.DarcyP1(mesh, POINTS[:4, :2], source(mesh.points), at="cells")
        out.fixed = mesh.points[:, 0] == 0.0
        return out

    return ModelRow(
        "affine mixed boundary",
        lambda: mixed_boundary(3, POINTS[:4, :2], source),
        oracle,
        refined=refined,
    )
