"""A walk through the compiled core, for builds with sanitizers: ``python smoke.py [NAME ...]``.

Every model, prior and kernel of the catalogue in several blocks of chains on three threads, every
solver from both sides of the size at which one solve takes all threads, an object of every public
class, stores, users' functions that raise, and users' threads. Whatever has a number is compared
with one thread, bit for bit. ``nox -s sanitize`` and ``nox -s sanitize_threads`` run it; with the
core as published it is a test that takes seconds.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import m4dl  # noqa: E402
import numpy as np  # noqa: E402
from catalogue import DELAYED, KERNELS, MODELS, PRIORS  # noqa: E402
from gallery import GALLERY, posterior  # noqa: E402
from posteriors import posterior_of, posterior_over  # noqa: E402

THREADS = 3
CHAINS = 19
"""Three blocks of lanes, the last one with idle lanes."""


def sample(target: m4dl.Posterior, kernel: Any, **options: Any) -> Any:
    settings = {"draws": 4, "warmup": 6, "chains": CHAINS, "seed": 3, "start": "prior"}
    return m4dl.sample(target, kernel, **{**settings, "progress": False, **options})


def check(target: m4dl.Posterior, kernel: Any, **options: Any) -> None:
    """Three threads give what one gives."""
    many, one = (sample(target, kernel, threads=n, **options) for n in (THREADS, 1))
    for name in ("theta", "log_likelihood", "acceptance", "step_size", "failures"):
        np.testing.assert_array_equal(getattr(many, name), getattr(one, name), err_msg=name)


def objects() -> None:
    """Every public class, with what it takes to make one; and the results' summaries."""
    for build in GALLERY.values():
        repr(build())
    str(GALLERY["draws"]().summary())


def models() -> None:
    for row in MODELS:
        model = row.build()
        thetas = row.thetas(model, CHAINS)
        values = model.forward(thetas, threads=THREADS)
        np.testing.assert_array_equal(values, model.forward(thetas, threads=1))
        model.pull(thetas, values, threads=THREADS)
        if row.push:
            model.push(thetas, thetas, threads=THREADS)


def priors() -> None:
    """By a function of a user's, called from all threads."""
    for row in PRIORS:
        prior = row.build()
        prior.marginal_std()
        check(posterior_over(prior), m4dl.MALA(step_size=0.01))


def kernels() -> None:
    """Of every ninth model, and of functions of a user's."""
    targets = [posterior_of(row) for row in [*MODELS[::9], *MODELS[-2:]]]
    for row in [*KERNELS, *DELAYED]:
        for target in targets:
            check(target, row.kernel(target.white))


def solvers() -> None:
    """Small ones with blocks side by side, large ones with all threads inside one block."""
    for cells, chains, kinds in (
        (24, CHAINS, ("direct", "frozen", "aggregation", "multigrid")),
        (130, 2, ("multigrid",)),
    ):
        grid = m4dl.Grid((cells, cells))
        prior, noise = m4dl.MaternPrior(grid), m4dl.GaussianNoise(0.1)
        for build in (m4dl.Schrodinger, m4dl.Darcy):
            for solver in kinds:
                model = build(grid, [[0.3, 0.4], [0.6, 0.5]], solver=solver)
                target = m4dl.Posterior(model, prior, data=[0.7, 0.7], noise=noise)
                kernel = m4dl.MALA(step_size=0.01, adapt=False)
                check(target, kernel, chains=chains, draws=2, warmup=0)


class Lost(Exception):
    """What a user's function raises."""


def failing(name: str, at: int, **options: Any) -> m4dl.Posterior:
    """The identity of three numbers, but the call of that number, of that function, raises."""
    calls = iter(range(1_000_000))

    def function(theta: Any, w: Any = None) -> Any:
        if next(calls) == at:
            raise Lost
        return theta if w is None else w

    functions: dict[str, Any] = {"forward": np.array, "gradient": lambda t, w: w, name: function}
    model = m4dl.PythonModel(**functions, parameters=3, outputs=3, **options)
    prior, noise = m4dl.GaussianPrior(np.zeros(3), 1.0), m4dl.GaussianNoise(1.0)
    return m4dl.Posterior(model, prior, data=np.zeros(3), noise=noise)


def fails(target: m4dl.Posterior, **options: Any) -> None:
    try:
        sample(target, m4dl.MALA(), threads=THREADS, draws=30, **options)
    except Lost:
        return
    raise AssertionError("the exception of a user's function is lost")


def raising() -> None:
    """Functions that fail after a while, in one thread of several."""
    for batched in (False, True):
        for name in ("forward", "gradient"):
            fails(failing(name, 40, batched=batched))


@mock.patch("m4dl.sampling._drive.SLICE_SECONDS", 0.0)
@mock.patch("m4dl.sampling._drive.CHECKPOINT_SECONDS", 0.0)
def stores() -> None:
    """Written, broken off, gone on with, and read."""
    for keep in ("draws", "moments"):
        target = failing("gradient", 400)
        whole = sample(failing("gradient", -1), m4dl.MALA(), draws=30, keep=keep)
        with tempfile.TemporaryDirectory() as folder:
            options = {"keep": keep, "store": f"{folder}/run.zarr"}
            fails(target, **options)
            again = sample(target, m4dl.MALA(), draws=30, threads=THREADS, **options)
            np.testing.assert_array_equal(again.mean(), whole.mean())
            again.rhat()


def users_threads() -> None:
    """Posteriors shared by threads of the user's, one of which lets go of its run meanwhile."""
    shared = [posterior_of(row) for row in (MODELS[0], MODELS[-1])]
    alone = [sample(target, m4dl.MALA(), threads=1).theta for target in shared]
    found: list[Any] = []

    def use() -> None:
        for target, expected in zip(shared, alone, strict=True):
            theta = sample(target, m4dl.MALA(), threads=2).theta
            found.append(np.array_equal(theta, expected))

    users = [threading.Thread(target=use) for _ in range(4)]
    for user in users:
        user.start()
    gc.collect()
    for user in users:
        user.join()
    assert found == [True] * 8


def studies() -> None:
    """Replicates in Python threads, results in compiled statistics."""
    for threads in (1, THREADS):
        m4dl.studies.rank_test(
            posterior(), m4dl.MALA(), replicates=60, seed=1, threads=threads, progress=False
        )
    draws = sample(posterior_of(MODELS[0]), m4dl.HMC(), draws=60, threads=THREADS)
    str(draws.summary(functionals={"square": lambda t: (t**2).sum(axis=1)}))


PARTS: dict[str, Callable[[], None]] = {
    part.__name__: part
    for part in (
        objects,
        models,
        priors,
        kernels,
        solvers,
        raising,
        stores,
        users_threads,
        studies,
    )
}


def main(names: list[str]) -> None:
    wanted = os.environ.get("M4DL_SANITIZER", "")
    flags = m4dl.build_info()["flags"]
    assert wanted in flags, f"the core is not built with {wanted}, but with {flags}"
    for name in names or PARTS:
        start = time.perf_counter()
        PARTS[name]()
        print(f"{name}: {time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
