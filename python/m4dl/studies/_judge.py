"""What a replicate of a coverage study says: whether its chains converged, and its sets cover."""

from __future__ import annotations

import numpy as np

from .._base.defined import defined
from .._base.validate import Array
from ..credible import Kind, Region
from ..results import Draws, diagnostics
from ._replicates import Failed
from ._study import CoverageStudy, Replicate

_WATCHED = 16  # values of the field whose R-hat and ESS are watched besides the sets' own scalars


def judge(
    N: int,
    index: int,
    theta: Array,
    draws: Draws | Failed,
    kinds: dict[str, Kind],
    level: float,
    rule: tuple[float, float],
) -> Replicate:
    if isinstance(draws, Failed):
        return Replicate(N, index, error=draws.error)
    regions: dict[str, Region] = {name: kind.of(draws, level) for name, kind in kinds.items()}
    distance = {name: float(region.distance(theta)) for name, region in regions.items()}
    for name, region in regions.items():
        of_truth = np.array([region.radius, distance[name]])
        defined(f"sets[{name!r}]: its radius or the distance of the truth", of_truth, "numbers")
    places = np.unique(np.linspace(0, draws.parameters - 1, _WATCHED).round().astype(int))
    watched = [draws.log_likelihood, *np.moveaxis(draws.theta[:, :, places], 2, 0)]
    for region in regions.values():
        watched += region.watched().values()
    found = diagnostics.summarise(np.stack(watched, axis=-1))
    moved = np.isfinite(found["rhat"])  # fixed boundary values have none
    rhat, ess = float("nan"), float("nan")
    if moved.any():
        rhat, ess = float(found["rhat"][moved].max()), float(found["ess_bulk"][moved].min())
    return Replicate(
        N,
        index,
        contains={name: bool(region.contains(theta)) for name, region in regions.items()},
        radius={name: region.radius for name, region in regions.items()},
        mcse={name: region.mcse for name, region in regions.items()},
        distance=distance,
        rhat=rhat,
        ess=ess,
        failures=int(draws.failures.sum()),
        # chains that never moved have no R-hat of the log-likelihood
        converged=bool(moved[0] and rhat <= rule[0] and ess >= rule[1]),
    )


def hopeless(study: CoverageStudy, N: int) -> str:
    here = [r for r in study.replicates if r.N == N]
    raised, left = [r for r in here if r.error], [r for r in here if not r.error]
    lines = []
    if left:
        rhat, ess = (np.nanmedian([[r.rhat, r.ess] for r in left], axis=0)).tolist()
        lines += [
            f"at N = {N} none of {len(here)} replicates converged ({study.rule})",
            f"{len(left)} were sampled, with a median R-hat of {rhat:.3g} and ESS of {ess:.0f}: "
            "take more draws or a longer warmup, another step size or a metric, or look at one of "
            "them with sample()",
        ]
    if raised:
        first = raised[0]
        many = f"{len(raised)} raised" if left else f"at N = {N} all {len(here)} replicates raised"
        lines.append(
            f"{many}; replicate {first.index}, with "
            f"{generator_text(study.seed, N, first.index)}:\n{first.error}"
        )
    return "; ".join(lines)


def generator_text(seed: int, N: int, index: int) -> str:
    """The generator of a replicate, for messages."""
    return f"np.random.default_rng([{seed}, {N}, {index}])"
