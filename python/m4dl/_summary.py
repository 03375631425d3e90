"""The table that ``Draws.summary()`` and ``Moments.summary()`` return, and its advice."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._fixed import Fixed
from ._validate import Array

#: R-hat above this means that the chains disagree; fewer effective draws a chain make R-hat and the
#: errors themselves unreliable. Source: Vehtari et al. (Bayesian Analysis 2021), section 4.
RHAT = 1.01
ESS_PER_CHAIN = 100

_WIDTH = 100
_LISTED_CHAINS = 16
_STUCK = 0.01  # a lower acceptance in some chain is remarked upon

Row = dict[str, float]


def solver_advice(solver: str) -> str:
    """What to try where the iterations of this solver of linear systems do not converge."""
    instead = {
        "frozen": "solver='multigrid' on a Grid, solver='direct' elsewhere",
        "aggregation": "solver='multigrid' on a Grid, solver='direct' elsewhere",
        "multigrid": "solver='direct'",
    }
    if solver not in instead:
        return ""
    return (
        f"; solver={solver!r} fails where a coefficient is too rough for its iterations: "
        f"take {instead[solver]}"
    )


@dataclass(frozen=True)
class Extreme:
    """The worst value of a diagnostic, and where it is."""

    name: str
    value: float


@dataclass(frozen=True)
class Summary(Fixed):
    """What a run found and whether it can be believed. ``print`` it, or take ``to_dict()``.

    Attributes
    ----------
    run : dict
        Sizes, kernel, seed, times, and acceptance, step size and failed solves of each chain.
    rows : dict of dict
        For each quantity shown: its name, and the value of each column.
    worst : dict of Extreme
        Largest R-hat and smallest effective sample sizes over all parameters, shown or not.
    converged : bool
        R-hat is at most 1.01 and there are 100 effective draws a chain, everywhere.
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
    run: dict[str, Any], special: Mapping[str, Row], theta: Mapping[str, Array], max_rows: int
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
    """
    columns = list(theta)
    # batch means are too noisy for a verdict over many parameters
    sizes = [c for c in columns if c.startswith("ess") and c != "ess_batch"]
    wanted = ESS_PER_CHAIN * run["chains"]
    shown = _worst_parameters(theta, sizes, wanted, max_rows)
    rows = {name: {c: float(row[c]) for c in columns} for name, row in special.items()}
    rows.update({f"theta[{i}]": {c: float(theta[c][i]) for c in columns} for i in shown})

    worst = {"r_hat": _extreme("r_hat", special, theta, largest=True)}
    worst.update({c: _extreme(c, special, theta, largest=False) for c in sizes})
    # Rounding alone gives a constant a standard deviation of about 1e-16 of its size.
    moved = bool((theta["std"] > 1e-12 * np.abs(theta["mean"])).any())
    problems = _problems(run, worst, sizes, wanted, moved)
    remarks = _remarks(run, theta)
    verdict = f"Converged, as far as R-hat (at most {RHAT}) and ESS (at least {wanted}) can tell."
    advice = (*(problems or [verdict]), *remarks)
    omitted = len(theta["mean"]) - len(shown)
    return Summary(run, rows, worst, not problems, advice, omitted, efficiency(run, worst))


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
    theta: Mapping[str, Array], sizes: list[str], wanted: int, max_rows: int
) -> list[int]:
    count = len(theta["mean"])
    if count <= max_rows:
        return list(range(count))
    badness = (theta["r_hat"] - 1) / (RHAT - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        for column in sizes:
            badness = np.fmax(badness, wanted / theta[column])
    # Constant parameters (a field's fixed boundary values) have no R-hat: they come last.
    badness = np.where(np.isnan(theta["r_hat"]), -1.0, badness)
    return [int(i) for i in np.argsort(-badness, kind="stable")[:max_rows]]


def _extreme(
    column: str, special: Mapping[str, Row], theta: Mapping[str, Array], *, largest: bool
) -> Extreme:
    names = list(special)
    values = np.concatenate([[special[n][column] for n in names], theta[column]])
    if np.isnan(values).all():
        return Extreme("", float("nan"))
    i = int(np.nanargmax(values) if largest else np.nanargmin(values))
    return Extreme(names[i] if i < len(names) else f"theta[{i - len(names)}]", float(values[i]))


def _problems(
    run: dict[str, Any], worst: dict[str, Extreme], sizes: list[str], wanted: int, moved: bool
) -> list[str]:
    rhat = worst["r_hat"]
    if run["draws"] < 4:
        return [f"Not converged: {run['draws']} draws a chain are too few to judge."]
    if not moved:
        return ["Not converged: nothing moved, all draws are equal."]
    if np.isnan(rhat.value):
        return ["Not judged: R-hat is undefined; it needs several chains."]
    out = []
    if rhat.value > RHAT:
        out.append(
            f"Not converged: R-hat is {_ratio(rhat.value)} at {rhat.name} (at most {RHAT} wanted): "
            "the chains disagree. Run longer, or try another step size or metric."
        )
    kind = min(sizes, key=lambda column: worst[column].value)
    least = worst[kind]
    if least.value < wanted:
        out.append(
            f"Not converged: {kind} is {least.value:.0f} at {least.name} (at least {wanted} "
            f"wanted, {ESS_PER_CHAIN} a chain): the errors are not reliable. Run longer."
        )
    return out


def _remarks(run: dict[str, Any], theta: Mapping[str, Array]) -> list[str]:
    out = []
    if not run["complete"]:
        out.append("Incomplete: the run was stopped early; these are the draws it had finished.")
    if run["chains"] == 1:
        out.append("One chain cannot tell of another mode that it never visited: run 4 or more.")
    out += [f"Before the first step: {note}." for note in run["notes"]]
    if run["kernel"].startswith("ULA("):
        out.append(
            "ULA is not corrected: these are moments of its own law, not of the posterior, and the "
            "errors say nothing of the difference. m4dl.ula_bias estimates it."
        )
    acceptance = np.asarray(run["acceptance"])
    if (acceptance < _STUCK).any():
        chain = int(acceptance.argmin())
        out.append(
            f"Chain {chain} accepts {acceptance[chain]:.2%} of its proposals: take smaller steps."
        )
    failed = int(np.sum(run["failures"]))
    if failed:
        hint = solver_advice(run["solver"])
        out.append(f"Failed solves, counted as rejections: {failed:,}{hint}.")
    constant = int(np.isnan(theta["r_hat"]).sum())
    if run["draws"] >= 4 and 0 < constant < len(theta["r_hat"]):
        out.append(
            f"Constant, and left out of R-hat: {constant:,} of {len(theta['r_hat']):,} parameters."
        )
    return out


def _header(run: dict[str, Any]) -> list[str]:
    state = "complete" if run["complete"] else "INCOMPLETE"
    rate = run["draws_per_second"]
    speed = f"{run['seconds']:.3g} s" + (f", {rate:,.0f} draws/s in all chains" if rate else "")
    return [
        f"{run['chains']} chains x {run['draws']:,} draws of {run['parameters']:,} parameters "
        f"(thin {run['thin']}, warmup {run['warmup']:,}), {state}",
        f"{run['kernel']}, seed {run['seed']}, {speed}",
        f"acceptance     {_chains(run['acceptance'], '{:.3f}')}",
        f"step size      {_chains(run['step_size'], '{:.3g}')}",
        *_trajectory(run["trajectory"]),
        *_coarse(run),
        f"failed solves  {_chains(run['failures'], '{:,}')}",
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
        return f"{_ratio(value):>12}"
    return f"{value:>12,.0f}" if column.startswith("ess") else f"{value:>12.4g}"


def _ratio(value: float) -> str:
    return f"{value:.3f}" if value < 100 else f"{value:.3g}"


def plain(value: Any) -> Any:
    """Return numbers, strings, lists and dicts for JSON (NaN and infinity become None)."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
