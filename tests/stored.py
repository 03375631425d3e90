"""A run cheap enough to be killed, damaged and continued a thousand times."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import m4dl
import m4dl.sampling._chunks
import m4dl.sampling._drive
import numpy as np

SIZE = 5
MATRIX = np.random.default_rng(3).standard_normal((3, SIZE))
FUNCTIONALS: dict[str, Any] = {
    "weights": np.arange(1.0, SIZE + 1),
    "square": lambda theta: (theta**2).sum(axis=1),
}


def sample(
    *,
    matrix: Any = MATRIX,
    mean: float = 1.0,
    data: Any = (1.0, 2.0, 3.0),
    std: float = 0.5,
    beta: float = 0.3,
    metric: Any = None,
    **options: Any,
) -> Any:
    prior = m4dl.GaussianPrior(np.full(SIZE, mean), np.eye(SIZE))
    noise = m4dl.GaussianNoise(std)
    posterior = m4dl.Posterior(m4dl.LinearModel(matrix), prior, data=np.array(data), noise=noise)
    settings: dict[str, Any] = {
        "draws": 40,
        "start": "prior",
        "warmup": 25,
        "chains": 3,
        "thin": 2,
        "seed": 5,
        "progress": False,
    }
    if options.get("keep") == "moments":
        settings["functionals"] = FUNCTIONALS
    return m4dl.sample(posterior, m4dl.PCN(beta=beta, metric=metric), **(settings | options))


def same(a: Any, b: Any) -> None:
    """Equal to the last bit, in all that does not depend on the clock."""
    names = ["acceptance", "step_size", "failures", "complete", "draws"]
    if isinstance(a, m4dl.results.Draws):
        names += ["theta", "log_likelihood"]
    else:
        names += ["chain_mean", "chain_variance"]
        assert a.functionals == b.functionals
        np.testing.assert_array_equal(a.mcse(), b.mcse())
        np.testing.assert_array_equal(a.rhat(), b.rhat())
    for name in names:
        np.testing.assert_array_equal(
            np.asarray(getattr(a, name)), np.asarray(getattr(b, name)), err_msg=name
        )


def one_at_a_time(set_attribute: Callable[[Any, str, Any], None], checkpoints: bool) -> None:
    """Slices of one iteration, chunks of seven draws, a checkpoint after each slice or never."""
    set_attribute(m4dl.sampling._chunks, "CHUNK_DRAWS", 7)
    set_attribute(m4dl.sampling._drive, "SLICE_SECONDS", 0.0)
    set_attribute(m4dl.sampling._drive, "CHECKPOINT_SECONDS", 0.0 if checkpoints else 1e9)


def at_call(owner: Any, name: str, number: int, when: str, action: Callable[[], Any]) -> None:
    """Have ``action`` happen before or after the call of that number to a function."""
    original, calls = getattr(owner, name), itertools.count(1)

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        now = next(calls) == number
        if now and when == "before":
            action()
        out = original(*args, **kwargs)
        if now and when == "after":
            action()
        return out

    setattr(owner, name, wrapped)
