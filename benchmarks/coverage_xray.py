"""Do credible sets of the non-Abelian X-ray transform cover? One smooth field, many data sets.

N random rays, the same for all replicates of an N, so that their chains share lanes; data from a
mesh three times as fine; the Matern prior is shrunk with N as the theory has it. The truth that
must be covered is the L2 projection of the field on the mesh, which has its functionals. HMC, not
adapted, in the metric of the Laplace approximation for one more data set.

    python benchmarks/coverage_xray.py REPLICATES [FOLDER] [THREADS] [RINGS]

prints the tables of docs/xray.md; a FOLDER keeps the replicates, from which a killed study goes on.
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass
from functools import cache

import m4dl
import numpy as np
from m4dl import credible
from m4dl.demo import xray_problem as xray
from scipy import sparse
from scipy.sparse.linalg import spsolve

SIZES, LEVELS = (200, 400, 800), (0.95, 0.8, 0.5)
STEP = {200: 0.75, 400: 0.85, 800: 1.0}
OPTIONS = {"draws": 200, "warmup": 40, "chains": 4, "seed": 1}


def functionals(x):
    """psi at points (P, 2) and the component it belongs to."""
    r2 = (x**2).sum(axis=1)
    return {
        "bump of a_1": (0, np.exp(-((x - xray.BUMPS[0][1]) ** 2).sum(axis=1) / (2 * 0.2**2))),
        "middle of a_2": (1, (1 - r2) ** 2),
        "x-moment of a_3": (2, x[:, 0] * (1 - r2) ** 2),
    }


def mass_matrix(mesh):
    """Integrals of products of hat functions: area/12 times 2 on the diagonal, 1 off it."""
    local = mesh.cell_measures[:, None, None] / 12 * (np.ones((3, 3)) + np.eye(3))
    rows, columns = np.repeat(mesh.cells, 3, axis=1), np.tile(mesh.cells, (1, 3))
    size = len(mesh.points)
    return sparse.coo_array(
        (local.ravel(), (rows.ravel(), columns.ravel())), shape=(size, size)
    ).tocsc()


def projection(mesh):
    """L2 projection of the true field on the mesh, (3 D,): Dunavant's rule of degree 4 a cell."""
    a, b = 0.445948490915965, 0.091576213509771
    corners = np.array([np.roll([1 - 2 * s, s, s], k) for s in (a, b) for k in range(3)])
    weights = np.repeat([0.223381589678011, 0.109951743655322], 3)
    points = corners @ mesh.points[mesh.cells]
    values = xray.truth(points.reshape(-1, 2)).reshape(3, *points.shape[:2])
    local = np.einsum(
        "ecq,e,q,qi->eci", values.transpose(1, 0, 2), mesh.cell_measures, weights, corners
    )
    load = np.zeros((3, len(mesh.points)))
    for c in range(3):
        np.add.at(load[c], mesh.cells, local[:, c])
    return spsolve(mass_matrix(mesh), load.T).T.ravel()


@cache
def problem(N, rings):
    """Model, prior, noise, exact data, kernel and where four chains start, for an N."""
    mesh = m4dl.domains.disk_mesh(rings)
    rays = m4dl.rays.Rays.random(m4dl.domains.Disk(), N, seed=N)
    model, prior = m4dl.NonAbelianXRay(rays, mesh), xray.prior_for(N, mesh)
    exact, noise = xray.exact_data(rays, 3 * rings), m4dl.GaussianNoise(xray.SIGMA)
    pilot = exact + xray.SIGMA * np.random.default_rng([0, N]).standard_normal(exact.size)
    fit = m4dl.laplace(m4dl.Posterior(model, prior, data=pilot, noise=noise), threshold=0.3)
    kernel = m4dl.HMC(STEP[N], trajectory=math.pi / 2, metric=fit.metric, adapt=False)
    return model, prior, noise, exact, kernel, fit.draw_white(4, seed=N)


def make_data(rings):
    def make(theta, N, rng):
        model, prior, noise, exact, _, _ = problem(N, rings)
        data = exact + xray.SIGMA * rng.standard_normal(exact.size)
        return m4dl.Posterior(model, prior, data=data, noise=noise)

    return make


@dataclass(frozen=True)
class At:
    """A kind of sets at a level of its own, so that one study has several."""

    kind: object
    level: float

    def of(self, draws, level=0.95):
        return self.kind.of(draws, self.level)


@dataclass(frozen=True, eq=False)
class Error:
    """Not a set but a record: signed error of the posterior mean, and posterior deviation."""

    functional: np.ndarray

    def of(self, draws, level=0.95):
        values = draws.functional(self.functional)
        return _Signed(
            "error",
            level,
            values.std(),
            0.0,
            values,
            draws.parameters,
            values.mean(),
            self.functional,
        )

    def __repr__(self):
        return "Error()"


@dataclass(eq=False, repr=False)
class _Signed(credible.Region):
    centre: float
    functional: np.ndarray

    def distance(self, theta):
        return np.asarray(self.centre - np.asarray(theta) @ self.functional)


def kinds(mesh):
    x, size, mass = mesh.points, len(mesh.points), mass_matrix(mesh)
    base, errors = {}, {}
    for name, (component, psi) in functionals(x).items():
        weights = np.zeros((3, size))
        weights[component] = mass @ psi
        base[name] = credible.Interval(weights.ravel())
        errors[name] = Error(weights.ravel())
    # The norm of a vector field is that of a function on three disks side by side.
    three = m4dl.TriangleMesh(
        np.concatenate([x + np.array([3 * c, 0]) for c in range(3)]),
        np.concatenate([mesh.cells + c * size for c in range(3)]),
    )
    base["L2 ball"] = credible.Ball(domain=three, at="nodes")
    base["H^-1 ball"] = credible.Ball(-1, domain=three, at="nodes")
    sets = {f"{name} {level}": At(kind, level) for level in LEVELS for name, kind in base.items()}
    return base, sets | {f"{name} error": kind for name, kind in errors.items()}


def study(replicates, rings, sizes=SIZES, **options):
    base, sets = kinds(m4dl.domains.disk_mesh(rings))
    found = m4dl.studies.coverage(
        make_data(rings),
        projection(m4dl.domains.disk_mesh(rings)),
        sizes,
        sets,
        lambda posterior: problem(len(posterior.model.rays), rings)[4],
        start=lambda posterior: problem(len(posterior.model.rays), rings)[5],
        replicates=replicates,
        **OPTIONS | options,
    )
    return found, {level: at_level(found, level, list(base)) for level in LEVELS}


def at_level(found, level, names):
    """The same study with the sets of one level."""
    kept = []
    for r in found.replicates:
        each = {
            key: {name: getattr(r, key)[f"{name} {level}"] for name in names} if not r.error else {}
            for key in ("contains", "radius", "mcse", "distance")
        }
        about = {
            k: getattr(r, k)
            for k in ("N", "index", "error", "rhat", "ess", "failures", "converged")
        }
        kept.append(type(r)(**about, **each))
    return m4dl.studies.CoverageStudy(
        kept,
        found.sizes,
        tuple(names),
        level,
        found.confidence,
        found.tolerance,
        found.seed,
        found.rule,
    )


def widths(found):
    """Posterior deviation, frequentist deviation and bias of the posterior mean, for each N."""
    lines = []
    for name in [name for name in found.names if name.endswith(" error")]:
        for N in found.sizes:
            error = np.array([r.distance[name] for r in found.used(N)])
            posterior = np.array([r.radius[name] for r in found.used(N)]).mean()
            spread = error.std(ddof=1)
            lines.append(
                f"{name[:-6]:<18}{N:>5}{posterior:>12.5f}{spread:>12.5f}{error.mean():>12.5f}"
                f"{posterior / spread:>8.2f}{math.hypot(spread, error.mean()) / posterior:>8.2f}"
            )
    head = f"{'':<18}{'N':>5}{'posterior':>12}{'frequentist':>12}{'bias':>12}{'ratio':>8}{'rms':>8}"
    return "\n".join([head, *lines])


def main(replicates="8", folder=None, threads="0", rings="8"):
    for N in SIZES:
        problem(N, int(rings))  # set-up is not timed
    begin = time.perf_counter()
    found, levels = study(int(replicates), int(rings), store=folder or None, threads=int(threads))
    minutes = (time.perf_counter() - begin) / 60
    print(*levels.values(), widths(found), sep="\n\n")
    print(f"\n{len(found.replicates) / minutes:.0f} replicates a minute, {minutes:.1f} minutes")
    worst = max(r.rhat for r in found.replicates), min(r.ess for r in found.replicates)
    print("worst R-hat {:.3f}, smallest ESS {:.0f}".format(*worst))
    levels[0.95].plot_coverage().savefig("coverage_xray.png", dpi=72)


if __name__ == "__main__":
    main(*sys.argv[1:])
