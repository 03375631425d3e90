"""Outputs of a model and data at the draws of a run: posterior predictive draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._base.progress import PATIENCE, Bar
from .._base.roles import Outputs, Predicting
from .._base.streams import Purpose, generator
from .._base.tell import tell
from .._base.validate import Array, seed_number, thread_count

if TYPE_CHECKING:
    from ._draws import Draws

_ROWS = 512
"""Rows between two looks at the bar and at Ctrl-C."""


def predictive(draws: Draws, of: Any, noise: Any, seed: Any, threads: Any) -> Array:
    """See `Draws.predictive`."""
    if not hasattr(of, "_predicting"):
        raise TypeError(f"of must be a m4dl Posterior or Model, got {type(of).__name__}")
    model, own = of._predicting()
    if own is not None and noise is not None:
        raise ValueError(
            f"a posterior has its noise, got noise={noise!r}: give its model and that noise"
        )
    noise = own if noise is None else noise
    if noise is not None and not hasattr(noise, "expand"):
        raise TypeError(f"noise must be a m4dl GaussianNoise, got {type(noise).__name__}")
    if (noise is None) != (seed is None):
        needs = "outputs without noise take no seed" if noise is None else "noise needs a seed"
        raise ValueError(f"{needs}, got seed={seed!r}")
    check_draws_of(draws, type(of).__name__, of)
    std = None if noise is None else noise.expand(model.outputs)
    if seed is not None:
        seed = seed_number(seed)
    out = outputs(draws, model, threads)
    if std is not None:
        for chain, values in enumerate(out):
            rng = generator(Purpose.PREDICTIVE, seed, chain)
            values += std * rng.standard_normal(values.shape)
    return out


def outputs(draws: Draws, model: Outputs, threads: Any = 0) -> Array:
    """Return G(theta) of all draws, (chain, draw, m), and warn of solves that failed."""
    threads = thread_count(threads)
    shape = (draws.chains, draws.draws, model.outputs)
    out = np.empty(shape)
    step, done = max(1, _ROWS // draws.chains), 0
    with Bar(True, total=shape[0] * shape[1], desc="outputs", delay=PATIENCE, leave=False) as bar:
        for block in draws._blocks():
            for first in range(0, block.shape[1], step):
                part = block[:, first : first + step]
                out[:, done : done + part.shape[1]] = model.forward(part, threads)
                done += part.shape[1]
                bar.update(part.shape[0] * part.shape[1])
    failed = int((~np.isfinite(out)).any(axis=-1).sum())
    if failed:
        tell(
            f"the model failed at {failed} of {shape[0] * shape[1]} draws: their outputs are NaN",
            stacklevel=4,
        )
    return out


def check_draws_of(draws: Draws, name: str, of: Predicting | Outputs) -> None:
    """Refuse a model or a posterior whose theta is not that of the draws."""
    if of.parameters != draws.parameters:
        raise ValueError(
            f"the {name} must have the {draws.parameters} parameters of the draws, "
            f"got {of.parameters}"
        )
    known = draws.domain is not None and of.domain is not None
    if known and (of.domain, of.at) != (draws.domain, draws.at):
        raise ValueError(
            f"theta of the {name} must live where that of the draws does, on {draws.domain} at "
            f"{draws.at}, got {of.domain} at {of.at}"
        )
