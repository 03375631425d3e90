"""What a summary says of a run: what speaks against it, what else is known, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._base.validate import Array

#: R-hat above this means that the chains disagree; fewer effective draws a chain make R-hat and the
#: errors themselves unreliable. Source: Vehtari et al. (Bayesian Analysis 2021), section 4.
RHAT = 1.01
ESS_PER_CHAIN = 100
#: Effective draws that must lie in an event, or beyond a quantile, for its probability to have an
#: error: counts of fewer are Poisson's, and where they are too small so is their error. From 38
#: that were due, 20 or fewer, which looks like 4 errors off, come in one of 1,000 runs.
VISITS = 20
#: So many for the quantiles of 1 % and 99 %.
FAR = VISITS / 0.01
#: Above this the chains are apart, not only slow.
APART = 1.1
#: Least E-BFMI (Betancourt 2016; Stan and ArviZ warn below it), and largest Pareto tail index
#: (Vehtari et al., JMLR 2024, section 3.2.4: means of more heavy-tailed numbers are not reliable).
EBFMI = 0.3
PARETO = 0.7
#: Share of solves that may fail without a part of the posterior being left out.
FAILED = 0.01
#: Logits between acceptance and its target, of the median chain and of any: 0.8 is missed below
#: 0.6 and above 0.92; by one chain, below 0.35 and above 0.97.
MISSED, MISSED_BY_ONE = 1.0, 2.0
#: Fewer steps or draws tell little of acceptance and energies.
FEW = 100

_STUCK = 0.01  # a lower acceptance in some chain is remarked upon
_CAP = 0.99  # of the largest step size


@dataclass(frozen=True)
class Extreme:
    """The worst value of a diagnostic, and where it is."""

    name: str
    value: float


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


def problems(
    run: Mapping[str, Any],
    worst: Mapping[str, Extreme],
    sizes: Mapping[str, float],
    moved: bool,
) -> list[str]:
    """What speaks against a run, in sentences; nothing if it has converged.

    ``sizes`` names the effective sizes that are judged, and what is wanted of each.
    """
    rhat = worst["r_hat"]
    if run["draws"] < 4:
        return [f"Not converged: {run['draws']} draws a chain are too few to judge."]
    if not moved:
        return ["Not converged: nothing moved, all draws are equal."]
    out = [*_missing(run)]
    if np.isnan(rhat.value):
        return [*out, "Not judged: R-hat is undefined; it needs several chains."]
    if rhat.value > RHAT:
        out.append(
            f"Not converged: R-hat is {ratio(rhat.value)} at {rhat.name} (at most {RHAT} wanted): "
            f"the chains disagree. {_together(run, rhat.value)}"
        )
    kind = min(sizes, key=lambda column: worst[column].value / sizes[column])
    least, wanted = worst[kind], sizes[kind]
    if least.value < wanted:
        why = f"{ESS_PER_CHAIN} a chain"
        if kind == "ess_far":
            why = f"{VISITS} draws beyond its quantiles of 1 % and 99 %"
        out.append(
            f"Not converged: {kind} is {least.value:.0f} at {least.name} (at least {wanted:.0f} "
            f"wanted, {why}): the errors are not reliable. Run longer."
        )
    against = (_events, _diverged, _failed, _adapted, _energies, _tails)
    return [*out, *(sentence for found in against for sentence in found(run))]


def remarks(run: Mapping[str, Any], theta: Mapping[str, Array]) -> list[str]:
    """What else is to be known."""
    out = []
    if not run["complete"]:
        out.append("Incomplete: the run was stopped early; these are the draws it had finished.")
    if run["chains"] == 1:
        out.append("One chain cannot tell of another mode that it never visited: run 4 or more.")
    out += [f"Before the first step: {note}." for note in run["notes"]]
    if run["kernel"].startswith("ULA("):
        out.append(
            "ULA is not corrected: these are moments of its own law, not of the posterior, and the "
            "errors say nothing of the difference. m4dl.langevin.ula_bias estimates it."
        )
    acceptance = np.asarray(run["acceptance"])
    if (acceptance < _STUCK).any():
        chain = int(acceptance.argmin())
        out.append(
            f"Chain {chain} accepts {acceptance[chain]:.2%} of its proposals: take smaller steps."
        )
    at_cap = np.flatnonzero(_at_largest(run))
    if at_cap.size and run["target"] is not None:
        out.append(
            f"The step size is at its largest, {run['largest_step']:g}, in {at_cap.size} of "
            f"{run['chains']} chains, and accepted more often than the target "
            f"{run['target']:g}: no harm if the metric is the posterior's covariance; if the "
            "posterior is curved, proposals seldom reach its far ends."
        )
    failed = int(np.sum(run["failures"]))
    if failed:
        hint = solver_advice(run["solver"])
        out.append(f"Failed solves, counted as rejections: {failed:,}{hint}.")
    coarse = int(np.sum(run.get("coarse_failures", 0)))
    if coarse:
        out.append(
            f"Failed solves of the coarse model: {coarse:,}. Where it always fails no chain ever "
            "goes, and that part of the posterior is cut off."
        )
    constant = int(np.isnan(theta["r_hat"]).sum())
    if run["draws"] >= 4 and 0 < constant < len(theta["r_hat"]):
        out.append(
            f"Constant, and left out of R-hat: {constant:,} of {len(theta['r_hat']):,} parameters."
        )
    return out


def ratio(value: float) -> str:
    """R-hat as it is shown."""
    return f"{value:.3f}" if value < 100 else f"{value:.3g}"


def _missing(run: Mapping[str, Any]) -> Iterator[str]:
    for name, share in run.get("missing", {}).items():
        how_many = "some" if np.isnan(share) else f"{share:.3%}"
        yield (
            f"Not converged: {name} is not a finite number in {how_many} of the draws, and nothing "
            "is known of its mean or error. Define it everywhere, or ask for the probability that "
            "it is defined."
        )


def _events(run: Mapping[str, Any]) -> Iterator[str]:
    rare = {name: visits for name, visits in run.get("events", {}).items() if visits < VISITS}
    if not rare:
        return
    least = min(rare, key=lambda name: rare[name])
    others = f", and {len(rare) - 1} more are as rare" if len(rare) > 1 else ""
    yield (
        f"Not converged: the event {least} came about in {rare[least]:.3g} effective draws (at "
        f"least {VISITS} wanted, and as many without it){others}: neither its probability nor the "
        "error is known. Run longer, or ask for one that is less rare."
    )


def _together(run: Mapping[str, Any], rhat: float) -> str:
    if rhat > APART and run["kernel"].startswith(("HMC(", "MALA(")):
        return (
            "If plot.trace shows chains that stay apart there are several modes, which gradients "
            "do not join: PCN() jumps between them where they are not too many; else sample each "
            "by itself, from a start within it. If not, run longer, or try another step size or "
            "metric."
        )
    if rhat > APART:
        return (
            "If plot.trace shows chains that stay apart there are several modes: sample each by "
            "itself, from a start within it, or take more chains. If not, run longer, or try "
            "another step size or metric."
        )
    return "Run longer, or try another step size or metric."


def _diverged(run: Mapping[str, Any]) -> Iterator[str]:
    total = int(np.sum(run["divergences"] or 0))
    if not total:
        return
    chains = int(np.count_nonzero(run["divergences"]))
    target = run["target"]
    if target is None:
        what = "Take smaller steps."
    elif target < 0.95:
        what = "Take smaller steps: target=0.95, and a longer warmup."
    else:
        what = f"Take smaller steps: target={1 - (1 - target) / 4:.3g}, or other parameters."
    yield (
        f"Not converged: {total:,} steps in {chains} chains diverged (draws.diverging says where): "
        "the step is too long for some part of the posterior, which is then visited too seldom. "
        f"The errors know nothing of it. {what}"
    )


def _failed(run: Mapping[str, Any]) -> Iterator[str]:
    steps = run["chains"] * run["draws"] * run["thin"]
    share = float(np.sum(run["failures"])) / steps
    if share > FAILED:
        yield (
            f"Not converged: {share:.1%} of the solves failed, more than {FAILED:.0%}: what lies "
            "where they fail is left out. Find out why; if the model is defined on a part of the "
            "prior alone, take a prior that lives there."
        )
    solves = run.get("coarse_solves") or 0
    coarse = float(np.sum(run.get("coarse_failures", 0))) / max(1, run["chains"] * solves)
    if coarse > FAILED:
        yield (
            f"Not converged: {coarse:.1%} of the coarse solves failed, more than {FAILED:.0%}: the "
            "chains never go where the coarse model fails, whatever the fine one says. Take a "
            "coarse model that is defined everywhere."
        )


def _logit(p: Any) -> Array:
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(p / (1 - p)))


def _adapting_acceptance(run: Mapping[str, Any]) -> Array:
    """Of the steps that warmup adapted: the coarse ones of delayed acceptance."""
    return np.asarray(run.get("coarse_acceptance", run["acceptance"]))


def _at_largest(run: Mapping[str, Any]) -> Any:
    step, largest = np.asarray(run["step_size"]), run["largest_step"]
    if largest is None or run["target"] is None:
        return np.zeros(step.shape, dtype=bool)
    return (step >= _CAP * largest) & (_adapting_acceptance(run) > run["target"])


def _adapted(run: Mapping[str, Any]) -> Iterator[str]:
    target = run["target"]
    if target is None or run["draws"] * run["thin"] < FEW:
        return
    acceptance = _adapting_acceptance(run)
    off = np.where(_at_largest(run), 0.0, _logit(acceptance) - _logit(target))
    if run["kernel"].startswith("HMC("):  # one step for all
        shared = _logit(acceptance.mean()) - _logit(target) if off.any() else 0.0
        off = np.atleast_1d(shared)
    worst = int(np.abs(off).argmax())
    if abs(np.median(off)) <= MISSED and abs(off[worst]) <= MISSED_BY_ONE:
        return
    found = acceptance.mean() if off.size == 1 else acceptance[worst]
    where = "" if off.size == 1 else f" in chain {worst}"
    yield (
        f"Not converged: warmup aimed at an acceptance of {target:g} and {found:.2f} came out"
        f"{where}: the step size had not found its value, or the posterior is not alike "
        "everywhere. Take a longer warmup."
    )


def _energies(run: Mapping[str, Any]) -> Iterator[str]:
    values = run.get("ebfmi")
    if values is None or run["draws"] < FEW or not np.isfinite(values).any():
        return
    chain = int(np.nanargmin(values))
    if values[chain] < EBFMI:
        yield (
            f"Not converged: E-BFMI is {values[chain]:.2f} in chain {chain} (at least {EBFMI} "
            "wanted): momenta carry the chain through few of its energies at a time, as in a "
            "funnel or a heavy tail. Choose parameters in which the posterior is more alike "
            "everywhere."
        )


def _tails(run: Mapping[str, Any]) -> Iterator[str]:
    for name, k in run.get("pareto_k", {}).items():
        if k > PARETO:
            yield (
                f"Not converged: the tail of {name} has the Pareto index {k:.2f} (at most {PARETO} "
                "wanted): its mean or variance may not exist, and their errors mean nothing. "
                "Ask for quantiles or probabilities, or run much longer."
            )
