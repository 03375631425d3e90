"""Gradient samplers on the reference problems: NumPyro's NUTS, and HMC by hand with CHOLMOD.

Both see the posterior of ``bench_kernels`` in white space, the coefficients of cosines, and are
checked against it before they run. NumPyro has an environment of its own (``.numpyro``, which git
ignores), in which ``jax_nuts.py`` runs.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import by_hand
import environments
import m4dl
import numpy as np
from environments import HERE, Unavailable, interpreter, last_line
from harness import Array

CACHE = HERE / ".numpyro"
AGREE = 1e-6
"""Largest relative difference of potentials, and of gradients in the largest component: by hand
they agree to 1e-11, and the iterative solver of NUTS leaves 2e-7 on 128 x 128 nodes."""
LEAPS = 64
"""Gradients of a step by hand."""
AIM = 0.8
"""Acceptance that the step size by hand is tuned to."""


@dataclass(frozen=True)
class Rival:
    """What a rival's chain made: theta (1, draws, 3), potential (1, draws), and what it cost."""

    name: str
    field: Array
    potential: Array
    gradients: int
    seconds: float
    """Of processor time, after warmup."""
    step_size: float
    acceptance: float

    def row(self) -> dict[str, str]:
        """A row for the table of ``bench_kernels``."""
        field = float(m4dl.results.diagnostics.ess(self.field).min())
        energy = float(m4dl.results.diagnostics.ess(self.potential))
        steps = self.potential.size
        return {
            "kernel": self.name,
            "step size": f"{self.step_size:.3g}",
            "acceptance": f"{self.acceptance:.2f}",
            "gradients a step": f"{self.gradients / steps:.4g}",
            "ESS per 1,000 steps: field, log-likelihood": (
                f"{1000 * field / steps:.3g}, {1000 * energy / steps:.3g}"
            ),
            "evaluations for one: field, log-likelihood": (
                f"{self.gradients / field:.3g}, {self.gradients / energy:.3g}"
            ),
            "ESS/s: field, log-likelihood": (
                f"{field / self.seconds:.3g}, {energy / self.seconds:.3g}"
            ),
            "R-hat": f"{float(m4dl.results.diagnostics.rhat(self.potential)):.3f}",
            "draws": str(steps),
        }


def target(name: str, data: Mapping[str, Any]) -> Any:
    """The posterior by hand."""
    kind = by_hand.Schrodinger if "_P1_" in name else by_hand.FivePointDarcy
    return kind(data, by_hand.Cholmod)


def states(data: Mapping[str, Any]) -> Array:
    """White noise: where rivals start, and two states nearby."""
    white = by_hand.CosinePrior(data).white(data["theta_init"])
    noise = np.random.default_rng(3).standard_normal((2, white.size))
    return np.vstack([white, white + 0.1 * noise])


def compare(name: str, exact: m4dl.Posterior, data: Mapping[str, Any], pairs: Any) -> float:
    """Refuse potentials and gradients at ``states`` that are not those of ``exact``."""
    value, slope = exact.gradient(states(data), 1)
    worst = 0.0
    for (phi, gradient), v, s in zip(pairs, value, slope, strict=True):
        gap = np.abs(np.asarray(gradient) - s).max() / np.abs(s).max()
        worst = max(worst, abs(phi / v - 1.0), float(gap))
    if not worst <= AGREE:
        raise AssertionError(f"{name}: another posterior, by {worst:.2g}")
    return worst


def hand(
    name: str, exact: m4dl.Posterior, data: Mapping[str, Any], places: list[int], seconds: float
) -> Rival:
    """HMC by hand: a third of the time for warmup, two thirds for sampling."""
    if by_hand.analyze is None:
        raise Unavailable("CHOLMOD is not installed")
    at, chain = target(name, data), states(data)[0]
    agrees = compare("HMC by hand", exact, data, [at.gradient(x) for x in states(data)])

    def record(x: Array) -> Array:
        return np.asarray(at.push(x)[places])

    first = by_hand.hmc(at, chain, 0.1, LEAPS, 10, 1, record, AIM)
    each = first.seconds / 10
    steps = max(30, round(seconds / 3 / each))
    warm = by_hand.hmc(at, first.state, first.step_size, LEAPS, steps, 2, record, AIM)
    run = by_hand.hmc(at, warm.state, warm.step_size, LEAPS, 2 * steps, 3, record)
    return Rival(
        f"HMC by hand, CHOLMOD (agrees to {agrees:.0e})",
        run.recorded[None],
        run.potential[None],
        2 * steps * LEAPS,
        run.seconds,
        run.step_size,
        run.acceptance,
    )


def nuts(
    exact: m4dl.Posterior,
    data: Mapping[str, Any],
    places: list[int],
    python: str | None,
    warmup: int,
    draws: int,
) -> Rival:
    """NumPyro's NUTS on Schroedinger's equation, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        problem, out = Path(folder) / "problem.npz", Path(folder) / "draws.npz"
        arrays = {key: value for key, value in data.items() if key not in ("states", "places")}
        np.savez(problem, **arrays, states=states(data), places=np.array(places))
        done = environments.run(
            interpreter("numpyro", "numpyro", CACHE, python),
            str(HERE / "jax_nuts.py"),
            str(problem),
            *("--warmup", str(warmup), "--draws", str(draws), "--out", str(out)),
            timeout=3600,
        )
        if done.returncode:
            raise Unavailable(last_line(done.stderr))
        about = json.loads(done.stdout)
        with np.load(out) as saved:
            field, potential = saved["field"][None], saved["potential"][None]
    pairs = list(zip(about["potential"], about["gradient"], strict=True))
    agrees = compare("NUTS", exact, data, pairs)
    return Rival(
        f"NUTS, {about['version']} (agrees to {agrees:.0e})",
        field,
        potential,
        about["gradients"],
        about["seconds"],
        about["step size"],
        about["acceptance"],
    )
