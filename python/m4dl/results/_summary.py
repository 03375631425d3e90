"""The table that ``Draws.summary()`` and ``Moments.summary()`` return, and its advice."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._base.fixed import Fixed
from .._base.names import Names, parameter_name
from .._base.plain import plain
from .._base.validate import Array
from ._advice import ESS_PER_CHAIN, FAR, RHAT, Extreme, problems, ratio, remarks

_WIDTH = 100
_LISTED_CHAINS = 16
_FAR = "ess_far"

Row = dict[str, float]


@dataclass(frozen=True)
class Summary(Fixed):
    """What a run found and whether it can be believed. ``print`` it, or take ``to_dict()``.

    Attributes
    ----------
    run : dict
        Sizes, kernel, seed, times, and acceptance, step size, failed solves and divergences of each
        chain; ``ebfmi`` of each chain of HMC; for the log-likelihood and functionals ``pareto_k``,
        their tail index, and ``missing``, the share of draws that are not finite, if there are any;
        ``events``, the effective draws in which a functional of 0 and 1 took its rarer value.
    rows : dict of dict
        For each quantity shown: its name, and the value of each column.
    worst : dict of Extreme
        Largest R-hat and smallest effective sample sizes over all parameters, shown or not.
    converged : bool
        R-hat is at most 1.01 and there are 100 effective draws a chain, everywhere, 20 of them
        beyond the quantiles of 1 % and 99 % and in each event that is asked for; no step diverged,
        few solves failed, the step size found its target, energies mix, and no tail is too heavy
        for a mean.
    advice : tuple of str
        The same in sentences, with what to do about it.
    omitted : int
        Number of parameters without a row.
    efficiency : dict of float
        Effective draws (bulk) of the worst quantity: per 1,000 steps of a chain, per linear solve
        and per second of all chains together; None where it is not known. With delayed acceptance
        ``per_solve`` counts fine solves, and ``coarse_per_solve`` says how many coarse ones came
        with each.
    """

    run: dict[str, Any]
    rows: dict[str, Row]
    worst: dict[str, Extreme]
    converged: bool
    advice: tuple[str, ...]
    omitted: int
    efficiency: dict[str, float | None]

    def to_dict(self) -> dict[str, Any]:
        """Return numbers, strings, lists and dicts for JSON (NaN and infinity become None)."""
        out: dict[str, Any] = plain(
            {
                "run": self.run,
                "rows": self.rows,
                "worst": {k: {"name": v.name, "value": v.value} for k, v in self.worst.items()},
                "converged": self.converged,
                "advice": list(self.advice),
                "efficiency": self.efficiency,
            }
        )
        return out

    def __str__(self) -> str:
        advice = [textwrap.fill(a, _WIDTH, subsequent_indent="  ") for a in self.advice]
        header = [*_header(self.run), *_efficiency(self.efficiency)]
        return "\n".join([*header, "", *_table(self.rows, self.omitted), "", *advice])

    __repr__ = __str__


def summarise(
    run: dict[str, Any],
    special: Mapping[str, Row],
    theta: Mapping[str, Array],
    max_rows: int,
    names: Names = None,
) -> Summary:
    """Choose the rows, find the extremes and judge them.

    Parameters
    ----------
    run : dict
        As in `Summary`.
    special : mapping
        Rows that are always shown (log-likelihood, functionals).
    theta : mapping of (D,) arrays
        The same columns for the parameters; names of effective sample sizes start with ``ess``.
    max_rows : int
        Number of parameters shown: all if they fit, else those with the worst diagnostics.
    names : sequence of str, optional
        What the parameters are called.
    """
    columns = [c for c in theta if c != _FAR]  # it is judged, and not shown
    # batch means are too noisy for a verdict over many parameters
    sizes = {
        c: FAR if c == _FAR else float(ESS_PER_CHAIN * run["chains"])
        for c in theta
        if c.startswith("ess") and c != "ess_batch"
    }
    shown = _worst_parameters(theta, sizes, max_rows)
    rows = {name: {c: float(row[c]) for c in columns} for name, row in special.items()}
    rows.update({parameter_name(names, i): {c: float(theta[c][i]) for c in columns} for i in shown})

    worst = {"r_hat": _extreme("r_hat", special, theta, names, largest=True)}
    worst.update({c: _extreme(c, special, theta, names, largest=False) for c in sizes})
    # Rounding alone gives a constant a standard deviation of about 1e-16 of its size.
    moved = bool((theta["std"] > 1e-12 * np.abs(theta["mean"])).any())
    against = problems(run, worst, sizes, moved)
    wanted = ESS_PER_CHAIN * run["chains"]
    verdict = f"Converged, as far as R-hat (at most {RHAT}) and ESS (at least {wanted}) can tell."
    advice = (*(against or [verdict]), *remarks(run, theta))
    omitted = len(theta["mean"]) - len(shown)
    return Summary(run, rows, worst, not against, advice, omitted, efficiency(run, worst))


def efficiency(run: Mapping[str, Any], worst: Mapping[str, Extreme]) -> dict[str, float | None]:
    """Return the worst effective sample size for the work that was done."""
    least = worst["ess_bulk"] if "ess_bulk" in worst else worst["ess"]
    work = {
        "per_1000_steps": run["chains"] * run["draws"] * run["thin"] / 1000,
        "per_solve": run["chains"] * run["solves"] if run["solves"] else None,
        "per_second": run["seconds"] or None,
    }
    known = np.isfinite(least.value)
    out = {name: least.value / w if known and w else None for name, w in work.items()}
    if (coarse := run.get("coarse_solves")) is not None and run["solves"]:
        out["coarse_per_solve"] = coarse / run["solves"]
    return out


def _worst_parameters(
    theta: Mapping[str, Array], sizes: Mapping[str, float], max_rows: int
) -> list[int]:
    count = len(theta["mean"])
    if count <= max_rows:
        return list(range(count))
    badness = (theta["r_hat"] - 1) / (RHAT - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        for column, wanted in sizes.items():
            badness = np.fmax(badness, wanted / theta[column])
    # Constant parameters (a field's fixed boundary values) have no R-hat: they come last.
    badness = np.where(np.isnan(theta["r_hat"]), -1.0, badness)
    return [int(i) for i in np.argsort(-badness, kind="stable")[:max_rows]]


def _extreme(
    column: str,
    special: Mapping[str, Row],
    theta: Mapping[str, Array],
    names: Names,
    *,
    largest: bool,
) -> Extreme:
    first = list(special)
    values = np.concatenate([[special[n][column] for n in first], theta[column]])
    if np.isnan(values).all():
        return Extreme("", float("nan"))
    i = int(np.nanargmax(values) if largest else np.nanargmin(values))
    return Extreme(
        first[i] if i < len(first) else parameter_name(names, i - len(first)), float(values[i])
    )


def _header(run: dict[str, Any]) -> list[str]:
    state = "complete" if run["complete"] else "INCOMPLETE"
    rate = run["draws_per_second"]
    speed = f"{run['seconds']:.3g} s" + (f", {rate:,.0f} draws/s in all chains" if rate else "")
    lost = run["divergences"] or []
    return [
        f"{run['chains']} chains x {run['draws']:,} draws of {run['parameters']:,} parameters "
        f"(thin {run['thin']}, warmup {run['warmup']:,}), {state}",
        f"{run['kernel']}, seed {run['seed']}, {speed}",
        f"acceptance     {_chains(run['acceptance'], '{:.3f}')}",
        f"step size      {_chains(run['step_size'], '{:.3g}')}",
        *_trajectory(run["trajectory"]),
        *_coarse(run),
        f"failed solves  {_chains(run['failures'], '{:,}')}",
        *([f"divergences    {_chains(lost, '{:,}')}"] if any(lost) else []),
    ]


def _trajectory(length: float | None) -> list[str]:
    return [f"trajectory     {length:.3g} in all chains"] if length else []


def _coarse(run: dict[str, Any]) -> list[str]:
    if run.get("coarse_solves") is None:
        return []
    return [
        f"coarse steps   acceptance {_chains(run['coarse_acceptance'], '{:.3f}')}",
        f"               failed solves {_chains(run['coarse_failures'], '{:,.0f}')}",
    ]


def _efficiency(of: Mapping[str, float | None]) -> list[str]:
    coarse = of.get("coarse_per_solve")
    solve = "solve" if coarse is None else f"fine solve (each with {coarse:.3g} coarse ones)"
    texts = {
        "per_1000_steps": "per 1,000 steps",
        "per_solve": f"per {solve}",
        "per_second": "per s",
    }
    values = {name: of[name] for name in texts}
    known = [f"{value:.3g} {texts[name]}" for name, value in values.items() if value is not None]
    return ["worst ESS      " + ", ".join(known)] if known else []


def _chains(values: list[float], form: str) -> str:
    if len(values) <= _LISTED_CHAINS:
        return "  ".join(form.format(v) for v in values)
    return f"{form.format(min(values))} to {form.format(max(values))} over {len(values)} chains"


def _table(rows: Mapping[str, Row], omitted: int) -> list[str]:
    columns = list(next(iter(rows.values()), {}))
    width = max([len(name) for name in rows] + [0])
    lines = [" " * width + "".join(f"{c:>12}" for c in columns)]
    lines += [
        f"{name:<{width}}" + "".join(_cell(c, row[c]) for c in columns)
        for name, row in rows.items()
    ]
    if omitted:
        lines.append(f"... and {omitted:,} more with better diagnostics")
    return lines


def _cell(column: str, value: float) -> str:
    if not np.isfinite(value):
        return f"{value:>12}"
    if column == "r_hat":
        return f"{ratio(value):>12}"
    return f"{value:>12,.0f}" if column.startswith("ess") else f"{value:>12.4g}"
