"""One purpose, one stream: a seed that is used twice is not the same random numbers twice.

Compiled streams are functions of (seed, chain, stream, step, component), see ``Stream`` in
``base/philox.hpp``: chains' starts, proposals and decisions, and draws of priors, take the seed
that they are given. Every other purpose takes a seed, or a NumPy generator, that is derived here
from the given one and the purpose. None is that of ``np.random.default_rng(seed)``, which is the
user's, nor that of a replicate of a coverage study, ``np.random.default_rng([seed, N, r])``:
a spawn key is hashed after the whole pool of entropy.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np


class Purpose(IntEnum):
    """What random numbers are for. The values decide about results: none is changed or reused."""

    PRIOR_STREAM = 1
    MAP_STARTS = 2
    LAPLACE_SKETCH = 3
    LAPLACE_DRAWS = 4
    PILOT_RUN = 5
    LANGEVIN = 6
    ULA_BIAS = 7
    SBC = 8
    RANK_TEST = 9
    RAYS = 10
    DERIVATIVES = 11
    REDRAWN_STARTS = 12
    PREDICTIVE = 13


def seed_of(*entropy: int) -> int:
    """Return a seed in [0, 2**64) that belongs to these numbers."""
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0])


def derived_seed(purpose: Purpose, seed: int, *numbers: int) -> int:
    """Return a seed in [0, 2**64) for a purpose, and for numbers such as a replicate's."""
    return int(_sequence(purpose, seed, numbers).generate_state(1, np.uint64)[0])


def generator(purpose: Purpose, seed: int, *numbers: int) -> np.random.Generator:
    """Return a generator for a purpose, and for numbers such as a replicate's."""
    return np.random.default_rng(_sequence(purpose, seed, numbers))


def spelled(purpose: Purpose, seed: int, *numbers: int) -> str:
    """Return the Python expression of that generator, for messages."""
    key = (int(purpose), *numbers)
    return f"np.random.default_rng(np.random.SeedSequence({seed}, spawn_key={key}))"


def _sequence(purpose: Purpose, seed: int, numbers: Any) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(int(purpose), *numbers))
