"""X-ray transforms: the published setting of the non-Abelian one against NumPy; what a step costs.

    python benchmarks/bench_xray.py [--full]

``--full`` runs the 100,000 iterations of the publication besides extrapolating them. Writes into
``results/`` and the README; under pytest it measures the same in short.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import by_hand as reference
import m4dl
import numpy as np
import scipy.sparse as sp
import xray_setting as setting_of
from harness import (
    CHAINS,
    Array,
    Contender,
    by_hand,
    m4dl_chains,
    markdown,
    rates,
    share,
    take_turns,
    times,
    verdict,
)
from profile_step import drawing
from report import one_thread, publish, setting
from scipy.linalg.blas import daxpy, dgemm

ITERATIONS, MOST_SECONDS = 100_000, 60.0
PUBLISHED = "Published setting, so(3), 919 vertices, N = 800: pCN"
LONG = f"{ITERATIONS:,} pCN iterations of the published setting, 8 chains on one core"
RAY_STEP = "Cost of a ray-step"
FLOPS = "Flops of a ray-step in so(3), one chain"
PROFILE = "Profile of a pCN step of the published setting"
KERNEL = m4dl.PCN(setting_of.BETA, adapt=False)
Rows = list[dict[str, str]]


class Published:
    """m4dl's chains and two by hand on one posterior, all from the same state near the truth."""

    def __init__(self) -> None:
        self.posterior = setting_of.published()
        data = setting_of.for_hand(self.posterior)
        self.tuned = reference.NonAbelian(data)
        self.plain = reference.NonAbelian(data, tuned=False)
        start = 0.1 * np.random.default_rng(3).standard_normal(self.posterior.white)
        self.agreement = self._agreement(start)
        self.m4dl = m4dl_chains("m4dl", self.posterior, KERNEL, start)
        hand = (self.tuned, "by hand, tuned"), (self.plain, "by hand, plain")
        self.by_hand = [
            by_hand(name, reference.pcn, target, start, setting_of.BETA) for target, name in hand
        ]

    def _agreement(self, white: Array) -> dict[str, float]:
        """Greatest differences: of the data, and relative, of the potential, prior included."""
        theta = self.posterior.prior.push(white, threads=1)
        data = self.posterior.model.forward(theta, threads=1)
        value = self.posterior.potential(white, threads=1)
        out = {}
        for name, target in (("tuned", self.tuned), ("plain", self.plain)):
            field = theta.reshape(3, -1).T
            error = float(np.abs(target.forward(field).ravel() - data).max())
            potential = abs(target.potential(white) / value - 1.0)
            if error > 1e-10 or potential > 1e-10:
                raise AssertionError(f"{name}: data differ by {error}, potentials by {potential}")
            out[f"by hand, {name}"] = error
        return out

    def all(self) -> list[Contender]:
        return [self.m4dl, *self.by_hand]

    def rows(self) -> Rows:
        """The table of ``PUBLISHED``."""
        out = [{"pCN": "m4dl"} | rates(self.m4dl)]
        for hand in self.by_hand:
            ratio = hand.over(self.m4dl)
            out.append(
                {"pCN": hand.name}
                | rates(hand)
                | {"m4dl is faster by": times(ratio)}
                | {"data agree to": f"{self.agreement[hand.name]:.0e}"}
                | {"target": verdict(ratio[1], 100.0)}
            )
        return out


def long_run(iterations: int, cost: float) -> Rows:
    """Seconds of ``ITERATIONS`` from the cost of a step of one chain, and from a run of them."""

    def row(name: str, seconds: float) -> dict[str, str]:
        return {
            "": name,
            "s for 8 chains": f"{seconds:.1f}",
            "s for each chain": f"{seconds / CHAINS:.1f}",
            "target": f"<= {MOST_SECONDS:g} s for each chain: "
            + ("met" if seconds <= CHAINS * MOST_SECONDS else "missed"),
        }

    out = [row("extrapolated", CHAINS * ITERATIONS * cost)]
    if iterations:
        posterior = setting_of.published()
        chains = m4dl_chains("m4dl", posterior, KERNEL, np.zeros(posterior.white))
        seconds = sum(chains.advance(1000)[0] for _ in range(iterations // 1000))
        out.append(row(f"{iterations:,} run, from zero", seconds * ITERATIONS / iterations))
    return out


class RaySteps:
    """Chains of each transform, and of a model that costs nothing, with and without a gradient."""

    def __init__(self) -> None:
        mala = m4dl.MALA(1e-9, adapt=False)
        self.chains: dict[str, list[Contender]] = {}
        for name, build in setting_of.TRANSFORMS.items():
            pair = setting_of.beside_nothing(build())
            self.chains[name] = [
                m4dl_chains(name, p, kernel, np.zeros(p.white))
                for kernel in (KERNEL, mala)
                for p in pair
            ]

    def all(self) -> list[Contender]:
        return [c for chains in self.chains.values() for c in chains]

    def forward(self, name: str) -> float:
        """Seconds of a ray-step and chain, misfit included."""
        pcn, nothing = self.chains[name][:2]
        return (pcn.cost - nothing.cost) / setting_of.STEPS

    def rows(self) -> Rows:
        """The table of ``RAY_STEP``."""
        out = []
        for name, (pcn, nothing, mala, nothing_mala) in self.chains.items():
            both = (mala.cost - nothing_mala.cost) / setting_of.STEPS
            forward = (pcn.cost - nothing.cost) / setting_of.STEPS
            out.append(
                {
                    "transform": name,
                    "forward, ns": f"{1e9 * forward:.2f}",
                    "forward of 8 chains, ns": f"{1e9 * CHAINS * forward:.1f}",
                    "pull, ns": f"{1e9 * (both - forward):.2f}",
                }
            )
        return out


def vector_kernels(seconds: float = 0.2) -> dict[str, float]:
    """Flops per second of one thread: a += s b within the cache, and a product of matrices."""
    a, b, m = np.zeros(1000), np.ones(1000), np.asfortranarray(np.ones((256, 256)))

    def rate(call: Any, count: float) -> float:
        best, end = np.inf, time.perf_counter() + seconds
        while time.perf_counter() < end:
            start = time.process_time()
            for _ in range(10):
                call()
            best = min(best, (time.process_time() - start) / 10)
        return count / best

    def many_daxpy() -> None:
        for _ in range(1000):  # one call is too short for a clock
            daxpy(b, a, a=0.5)

    return {
        "daxpy in the cache": rate(many_daxpy, 2.0 * 1000 * len(a)),
        "dgemm, fused multiply-adds": rate(lambda: dgemm(1.0, m, m), 2.0 * 256**3),
    }


def flop_rows(cost: float) -> Rows:
    """The table of ``FLOPS``: what a ray-step of one chain computes, and how fast."""
    counts = setting_of.flops()
    total = sum(counts.values())
    rows = [{"": name, "flops": str(count)} for name, count in counts.items()]
    rows.append({"": "all", "flops": str(total), "GFLOP/s": f"{1e-9 * total / cost:.1f}"})
    product = setting_of.MATRIX_PRODUCT
    rows.append(
        {
            "": "a product of 3 x 3 matrices alone",
            "flops": str(product),
            "GFLOP/s": f"{1e-9 * product / cost:.1f}",
        }
    )
    for name, rate in vector_kernels().items():
        rows.append({"": name, "GFLOP/s": f"{1e-9 * rate:.1f}"})
    return rows


class Profile:
    """A pCN step by differences: the posterior, its prior alone, white noise alone."""

    def __init__(self, posterior: m4dl.Posterior, whole: Contender) -> None:
        size, self.white = posterior.parameters, posterior.white
        nothing = m4dl.LinearModel(sp.csr_array(([1.0], ([0], [0])), shape=(1, size)))
        noise: dict[str, Any] = {"data": [0.0], "noise": m4dl.GaussianNoise(1.0)}
        start = np.zeros(posterior.white)
        self.whole = whole
        self.prior = m4dl_chains(
            "prior", m4dl.Posterior(nothing, posterior.prior, **noise), KERNEL, start
        )
        plain = m4dl.Posterior(nothing, m4dl.GaussianPrior(np.zeros(size), 1.0), **noise)
        self.noise = m4dl_chains("white noise", plain, KERNEL, start)
        self.normals, self.copies = drawing()

    def all(self) -> list[Contender]:
        return [self.whole, self.prior, self.noise, self.normals, self.copies]

    def rows(self) -> Rows:
        """The table of ``PROFILE``."""
        normals = self.white * max(self.normals.cost - self.copies.cost, 0.0)
        pieces = {
            "transform and misfit": self.whole.cost - self.prior.cost,
            "prior": self.prior.cost - self.noise.cost,
            "normals": normals,
            "arithmetic of the kernel": self.noise.cost - normals,
        }
        return [
            {
                "": name,
                "us per step and chain": f"{1e6 * cost:.2f}",
                "per cent": f"{100 * cost / self.whole.cost:.1f}",
            }
            for name, cost in (pieces | {"all": self.whole.cost}).items()
        ]


def test_published(race: Any, table: Any) -> None:
    chains = Published()
    race(*chains.all())
    table(PUBLISHED, chains.rows())


def test_ray_step(race: Any, table: Any) -> None:
    chains = RaySteps()
    race(*chains.all(), seconds=0.02)
    table(RAY_STEP, chains.rows())


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description="X-ray transforms: chains, ray-steps, flops.")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each contender")
    parser.add_argument("--full", action="store_true", help=f"run {ITERATIONS:,} iterations")
    parser.add_argument("--name", help="name of the machine; default its processor's")
    parser.add_argument("--no-write", action="store_true", help="print the tables only")
    arguments = parser.parse_args()
    one_thread()
    where, tables, shares = setting(), {}, []

    def run(contenders: list[Contender], seconds: float) -> None:
        take_turns(contenders, seconds)
        shares.append(share(contenders))

    chains = Published()
    run(chains.all(), arguments.seconds)
    tables[PUBLISHED] = chains.rows()
    tables[LONG] = long_run(ITERATIONS if arguments.full else 0, chains.m4dl.cost)
    steps = RaySteps()
    run(steps.all(), arguments.seconds / 4)
    tables[RAY_STEP] = steps.rows()
    tables[FLOPS] = flop_rows(steps.forward("so(3)"))
    parts = Profile(chains.posterior, chains.m4dl)
    chains.m4dl.seconds.clear()
    run(parts.all(), arguments.seconds / 2)
    tables[PROFILE] = parts.rows()
    steps_of_all = f"{setting_of.STEPS:,} of at most {setting_of.STEP:.4f}"
    where["rays, steps"] = f"{setting_of.RAYS}, {steps_of_all}"
    where["processor time over wall time"] = f"{100 * min(shares):.0f} %, the least of all tables"
    for title, rows in tables.items():
        print(f"{title}\n\n{markdown(rows)}\n")
    if not arguments.no_write:
        publish("xray", where, tables, arguments.name)


if __name__ == "__main__":
    main()
