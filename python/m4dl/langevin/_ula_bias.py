"""``ula_bias``: how far the law of an unadjusted chain is from the posterior."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._base import validate
from .._base.callback import Functional, check_functionals
from .._base.defined import defined
from .._base.fixed import Fixed
from .._base.names import parameter_name
from .._base.plain import plain
from .._base.streams import Purpose, derived_seed
from .._base.validate import Array
from ..kernels import LARGEST_IMPLICIT_STEP, MALA, ULA, LowRankMetric
from ..posterior import Posterior, check_posterior
from ..results import ESS_PER_CHAIN, RHAT, Draws, diagnostics
from ..sampling import prepare, sample

SIGNIFICANT = 3.0
"""Standard errors; a bias of 0 exceeds them one time in 370."""


@dataclass(frozen=True)
class UlaBias(Fixed):
    """Bias of an unadjusted chain, as :func:`ula_bias` found it. ``print`` it, or take ``rows``.

    Attributes
    ----------
    rows : dict of dict
        For the log-likelihood and each functional: ``mean`` and ``std`` of the chain, and their
        biases ``mean_halving``, ``mean_mala``, ``std_halving``, ``std_mala``, each with its Monte
        Carlo standard error, ``mean_halving_error`` and so on. All in the functional's units.
    step_size : float
    mala_acceptance : float
        Mean over the chains.
    advice : tuple of str
    draws : dict of Draws
        The three runs: "ULA", "ULA, half the step" and "MALA".
    max_rows : int
        Rows that are printed: the log-likelihood and those with the largest biases.
    """

    rows: dict[str, dict[str, float]]
    step_size: float
    mala_acceptance: float
    advice: tuple[str, ...]
    draws: dict[str, Draws]
    max_rows: int = 10

    def to_dict(self) -> dict[str, Any]:
        """Return the rows, ready for JSON."""
        out: dict[str, Any] = plain(self.rows)
        return out

    def __str__(self) -> str:
        kinds = ("mean_halving", "mean_mala", "std_halving", "std_mala")
        heads = ("mean, halving", "mean, MALA", "std, halving", "std, MALA")
        # the likelihood first, then the largest biases
        names = list(self.rows)
        size = {name: _largest(self.rows[name]) for name in names[1:]}
        shown = names[:1] + sorted(size, key=lambda name: -size[name])[: self.max_rows - 1]
        width = max(len(name) for name in shown)
        lines = [
            f"Bias of ULA with step size {self.step_size:.4g}, in per cent of the chain's standard "
            "deviation, and its standard error",
            "",
            " " * width + "".join(f"{head:>16}" for head in heads),
        ]
        for name in shown:
            row = self.rows[name]
            cells = [f"{_percent(row, k):.1f} +- {_percent(row, k + '_error'):.1f}" for k in kinds]
            lines.append(f"{name:<{width}}" + "".join(f"{cell:>16}" for cell in cells))
        if len(shown) < len(names):
            lines.append(f"... and {len(names) - len(shown):,} more with smaller biases")
        return "\n".join([*lines, "", *self.advice])

    __repr__ = __str__


def ula_bias(
    posterior: Posterior,
    kernel: ULA,
    *,
    functionals: Mapping[str, ArrayLike | Functional] | None = None,
    seed: int,
    draws: int = 1000,
    warmup: int = 500,
    chains: int = 8,
    thin: int = 1,
    start: str | ArrayLike | None = None,
    threads: int = 0,
    progress: bool = True,
) -> UlaBias:
    """Estimate the bias of ULA's means and standard deviations, in two ways.

    By halving the step: the bias is of first order in the step h, so that it is about
    2 (value at h - value at h/2). And beside MALA with the same start and metric, which has none:
    value at h - value of MALA. The three runs are independent, so the squares of their standard
    errors add up (four times, for the first). They agree if h is small enough for the first order.

    Parameters
    ----------
    posterior : Posterior
    kernel : ULA
    functionals : dict of str to (D,) array or callable, optional
        Weights psi, for <theta, psi>, or functions from theta (n, D) to (n,); by default every
        parameter. The log-likelihood is always there.
    seed : int
    draws, warmup, thin : int
        Of ULA, as for :func:`m4dl.sample`. With half the step ``warmup`` and ``thin`` are doubled,
        for the chain to go as far. MALA adapts its step size in ``warmup``.
    chains, start, threads, progress
        As for :func:`m4dl.sample`, the same for all three.

    Returns
    -------
    UlaBias

    Raises
    ------
    TypeError, ValueError
        A kernel that is not ULA, a functional that is NaN or infinite in some draws, and all that
        :func:`m4dl.sample` raises.

    Source
    ------
    D. Talay, L. Tubaro, Expansion of the global error for numerical schemes solving stochastic
    differential equations, Stoch. Anal. Appl. 8 (1990), for the order and the extrapolation.
    """
    check_posterior(posterior)
    if not isinstance(kernel, ULA):
        raise TypeError(f"kernel must be a ULA, got {kernel!r:.60}")
    seed = validate.seed_number(seed)
    warmup = validate.integer("warmup", warmup, 0, validate.LARGEST_COUNT // 2)
    thin = validate.integer("thin", thin, 1, validate.LARGEST_COUNT // 2)
    chains = validate.integer("chains", chains, 1)
    threads = validate.thread_count(threads)
    if functionals is not None:
        functionals = check_functionals(
            functionals, posterior.prior.push(np.zeros((2, posterior.white)))
        )
    progress = validate.flag("progress", progress)
    begin = prepare(posterior, kernel, start, chains, warmup, seed, threads, None, progress)
    ula = begin.kernel
    h = ula.step_size
    implicit = isinstance(ula.metric, LowRankMetric)
    first = min(h, LARGEST_IMPLICIT_STEP) if implicit else h
    plans = {
        "ULA": (ula, 1),
        "ULA, half the step": (replace(ula, step_size=h / 2), 2),
        "MALA": (MALA(first, metric=ula.metric), 1),
    }
    runs = {
        name: sample(
            posterior,
            plan,
            draws=draws,
            warmup=warmup * factor,
            thin=thin * factor,
            chains=chains,
            seed=derived_seed(Purpose.ULA_BIAS, seed, place),
            start=begin.xi,
            threads=threads,
            progress=progress,
        )
        for place, (name, (plan, factor)) in enumerate(plans.items())
    }
    names: list[str] = []
    values = []
    for run in runs.values():
        names, columns = _columns(run, functionals)
        values.append(columns)
    rows = _rows(names, values)
    advice = _advice(rows, runs, values)
    return UlaBias(rows, h, float(runs["MALA"].acceptance.mean()), advice, runs)


def _columns(
    run: Draws, functionals: Mapping[str, ArrayLike | Functional] | None
) -> tuple[list[str], dict[str, Array]]:
    """Names, and for all of them means, standard deviations, their errors, R-hat and size."""
    if functionals is None:
        names = [parameter_name(run.names, i) for i in range(run.parameters)]
        parts: list[Any] = [run.log_likelihood, run.theta]
    else:
        names = list(functionals)
        values = [defined(f"functionals[{n!r}]", run.functional(functionals[n])) for n in names]
        parts = [run.log_likelihood, *values]
    found = [{**diagnostics.summarise(p), "mcse_sd": diagnostics.mcse_sd(p)} for p in parts]
    columns = {
        key: np.concatenate([np.atleast_1d(part[key]) for part in found]) for key in found[0]
    }
    return ["log_likelihood", *names], columns


def _rows(names: list[str], values: list[dict[str, Array]]) -> dict[str, dict[str, float]]:
    full, half, mala = values
    out: dict[str, Array] = {"mean": full["mean"], "std": full["std"]}
    for of, error in (("mean", "mcse_mean"), ("std", "mcse_sd")):
        out[f"{of}_halving"] = 2 * (full[of] - half[of])
        out[f"{of}_halving_error"] = 2 * np.hypot(full[error], half[error])
        out[f"{of}_mala"] = full[of] - mala[of]
        out[f"{of}_mala_error"] = np.hypot(full[error], mala[error])
    return {
        name: {key: float(column[i]) for key, column in out.items()} for i, name in enumerate(names)
    }


def _percent(row: Mapping[str, float], key: str) -> float:
    return 100 * row[key] / row["std"] if row["std"] > 0 else float("nan")


def _largest(row: Mapping[str, float]) -> float:
    """The largest of a row's four biases, in standard deviations; constants come last."""
    keys = ("mean_halving", "mean_mala", "std_halving", "std_mala")
    found = [abs(_percent(row, key)) for key in keys]
    return max(found) if np.isfinite(found).all() else -1.0


def _advice(
    rows: Mapping[str, Mapping[str, float]],
    runs: Mapping[str, Draws],
    values: list[dict[str, Array]],
) -> tuple[str, ...]:
    found = []
    for name, row in rows.items():
        for of in ("mean", "std"):
            for how in ("halving", "mala"):
                key = f"{of}_{how}"
                size, error = _percent(row, key), _percent(row, f"{key}_error")
                if abs(size) > SIGNIFICANT * error:
                    found.append((abs(size), size, error, of, name, how))
    out = []
    if found:
        _, size, error, of, name, how = max(found)
        method = "step halving" if how == "halving" else "MALA"
        out.append(
            f"Biased: by {method} the {of} of {name} is off by {size:.1f} +- {error:.1f} per cent "
            f"of a standard deviation, the largest of {len(found)} biases beyond {SIGNIFICANT:g} "
            "standard errors."
        )
    else:
        out.append(
            f"No bias exceeds {SIGNIFICANT:g} standard errors, and smaller ones would not be seen."
        )
    for (label, run), columns in zip(runs.items(), values, strict=True):
        rhat = columns["rhat"][np.isfinite(columns["rhat"])].max(initial=1.0)
        least = np.fmin.reduce(columns["ess_bulk"], initial=np.inf)
        if rhat > RHAT or least < ESS_PER_CHAIN * run.chains:
            out.append(
                f"{label} has not converged (R-hat {rhat:.3f}, {least:.0f} effective draws): the "
                "standard errors are not reliable. Run longer."
            )
    return tuple(out)
