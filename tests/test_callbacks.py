"""Users' functions: what they are given, what they may return, and what they may do meanwhile."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import pytest
from m4dl import credible
from problems import Array

RNG = np.random.default_rng(1)
M83 = RNG.standard_normal((8, 3))


def posterior(model: m4dl.Model) -> m4dl.Posterior:
    return m4dl.Posterior(
        model,
        m4dl.GaussianPrior(np.zeros(model.parameters), 1.0),
        data=np.zeros(model.outputs),
        noise=m4dl.GaussianNoise(1.0),
    )


def sample(model: m4dl.Model, kernel: Any = None, **options: Any) -> m4dl.results.Draws:
    settings = {"draws": 20, "seed": 1, "progress": False, "chains": 8, "start": "prior"}
    return m4dl.sample(posterior(model), kernel or m4dl.PCN(), **(settings | options))


# A row belongs to itself


@pytest.mark.parametrize("chains", [1, 4, 8, 11])
@pytest.mark.parametrize("start", ["prior", "mean"])
def test_a_batched_model_that_returns_its_transpose(chains: int, start: str) -> None:
    """(m, B) has the shape (B, m) where m = B = 8; one row alone tells, even if all are equal."""
    model = m4dl.PythonModel(lambda t: M83 @ t.T, parameters=3, outputs=8, batched=True)
    with pytest.raises(ValueError, match=r"^forward must return shape"):
        sample(model, chains=chains, start=start)


def test_a_batched_gradient_that_returns_its_transpose() -> None:
    model = m4dl.PythonModel(lambda t: t, lambda t, w: w.T, parameters=8, outputs=8, batched=True)
    with pytest.raises(ValueError, match=r"^gradient must return shape \(1, 8\), got \(8, 1\)"):
        sample(model, m4dl.MALA())


@pytest.mark.parametrize(
    "forward",
    [
        lambda t: t - t.mean(axis=0),
        lambda t: t / np.abs(t).max(),
        lambda t: np.cumsum(t, axis=0),
        lambda t: np.broadcast_to(t[0], t.shape),
    ],
)
def test_a_batched_model_that_mixes_its_rows(forward: Callable[[Array], Array]) -> None:
    model = m4dl.PythonModel(forward, parameters=3, outputs=3, batched=True)
    with pytest.raises(ValueError, match=r"^forward must give each row what it gives this row al"):
        sample(model)


@pytest.mark.parametrize("batched", [True, False])
def test_a_model_that_draws_random_numbers(batched: bool) -> None:
    rng = np.random.default_rng(1)
    model = m4dl.PythonModel(
        lambda t: t + 0.1 * rng.standard_normal(t.shape), parameters=3, outputs=3, batched=batched
    )
    with pytest.raises(ValueError, match=r"it .*draws random numbers"):
        sample(model)


def test_single_precision_and_other_orders_of_sums_are_no_reason() -> None:
    """Rows alone and in blocks agree to single precision only, and are taken."""
    matrix = RNG.standard_normal((40, 300)).astype(np.float32)
    model = m4dl.PythonModel(
        lambda t: t.astype(np.float32) @ matrix.T, parameters=300, outputs=40, batched=True
    )
    assert sample(model).acceptance.size == 8


def test_the_trial_is_made_once() -> None:
    seen: list[int] = []

    def forward(theta: Array) -> Array:
        seen.append(len(theta))
        return theta

    model = m4dl.PythonModel(forward, parameters=3, outputs=3, batched=True)
    model(np.ones((8, 3)))
    assert seen == [8, 1]
    model(np.ones((8, 3)))
    assert seen == [8, 1, 8]


def test_a_function_that_changes_its_argument_changes_nothing() -> None:
    """It has arrays of its own, and so has the trial."""

    def forward(theta: Array) -> Array:
        theta *= 2.0
        return theta

    rude = m4dl.PythonModel(forward, parameters=3, outputs=3, batched=True)
    kind = m4dl.PythonModel(lambda t: 2.0 * t, parameters=3, outputs=3, batched=True)
    assert np.array_equal(sample(rude).theta, sample(kind).theta)


FUNCTIONALS = {
    "its mean over draws": lambda x: x[:, 0] - x[:, 0].mean(),
    "the mean of each parameter": lambda x: x.mean(axis=0),
    "random numbers": lambda x: x[:, 0] + np.random.default_rng().standard_normal(len(x)),
}


@pytest.mark.parametrize("name", FUNCTIONALS)
def test_a_functional_is_one_of_each_field(name: str) -> None:
    """With as many draws as parameters, so that a wrong axis has the right shape."""
    size = 40
    model = m4dl.PythonModel(lambda t: t, parameters=size, outputs=size, batched=True)
    draws = sample(model, chains=4, draws=10)
    functional = FUNCTIONALS[name]
    for call in (
        lambda: draws.functional(functional),
        lambda: draws.summary(functionals={"f": functional}),
        lambda: credible.Interval(functional).of(draws, 0.5),
        lambda: sample(model, chains=size, keep="moments", functionals={"f": functional}),
    ):
        with pytest.raises(ValueError, match=r"must give each row|must return shape|must map"):
            call()


# What is not finite


@pytest.mark.parametrize("batched", [False, True])
def test_users_functions_never_see_what_is_not_finite(batched: bool) -> None:
    """Forward fails for a third of the states, and the gradient checks its arguments."""

    def forward(theta: Array) -> Array:
        assert np.isfinite(theta).all()
        return np.where(theta[..., :1] > 0.4, np.nan, theta)

    def gradient(theta: Array, w: Array) -> Array:
        assert np.isfinite(theta).all()
        assert np.isfinite(w).all()
        assert (theta[..., 0] <= 0.4).all()
        return w

    model = m4dl.PythonModel(forward, gradient, parameters=3, outputs=3, batched=batched)
    for kernel in (m4dl.MALA(0.5), m4dl.HMC(0.5, adapt=False)):
        with pytest.warns(RuntimeWarning, match="solves? "):
            draws = sample(model, kernel, start=-np.ones((8, 3)), draws=100)
        assert draws.failures.sum() > 10
        assert draws.theta[..., 0].max() <= 0.4
    assert np.isnan(model.pull([[1.0, 0, 0], [0, 1, 2]], np.ones((2, 3)))).any(1).tolist() == [
        True,
        False,
    ]


def test_a_failed_row_changes_no_other() -> None:
    """The block keeps its size, so what BLAS makes of the other rows keeps its bits."""
    matrix = RNG.standard_normal((3, 3))

    def forward(theta: Array) -> Array:
        return np.where(theta[:, :1] > 100.0, np.nan, theta)

    model = m4dl.PythonModel(
        forward, lambda t, w: w @ matrix, parameters=3, outputs=3, batched=True
    )
    x, w = RNG.standard_normal((2, 8, 3))
    right = model.pull(x, w)
    x[3, 0] = 101.0
    found = model.pull(x, w)
    assert np.isnan(found[3]).all()
    assert np.array_equal(np.delete(found, 3, axis=0), np.delete(right, 3, axis=0))


def test_a_block_without_a_good_row_calls_nothing() -> None:
    calls = []
    model = m4dl.PythonModel(
        lambda t: np.full_like(t, np.nan), lambda t, w: calls.append(0), parameters=2, outputs=2
    )
    assert np.isnan(model.pull(np.ones((5, 2)), np.ones((5, 2)))).all()
    assert not calls


# What they return


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (lambda t: t > 0, TypeError, "forward must return real numbers, got dtype bool"),
        (lambda t: t * 1j, TypeError, "forward must return real numbers, got dtype complex128"),
        (lambda t: t.astype(object), TypeError, "forward must return real numbers, got dtype obj"),
        (lambda t: None, TypeError, "forward must return real numbers, got dtype object"),
        (lambda t: [[1.0], [1.0, 2.0]], TypeError, "forward must return an array of real numbers"),
        (lambda t: np.ma.masked_less(t, 0.5), ValueError, "forward must return no masked entries"),
        (lambda t: t[..., :2], ValueError, "forward must return shape"),
        (lambda t: t[..., None], ValueError, "forward must return shape"),
        (lambda t: 1.0, ValueError, "forward must return shape"),
    ],
)
def test_what_forward_may_not_return(
    batched: bool, value: Any, kind: type[Exception], message: str
) -> None:
    model = m4dl.PythonModel(value, parameters=3, outputs=3, batched=batched)
    with pytest.raises(kind, match="^" + re.escape(message)):
        model(np.zeros((2, 3)))


@pytest.mark.parametrize("convert", [list, np.asfortranarray, np.float32, np.int64])
def test_what_forward_may_return(convert: Any) -> None:
    model = m4dl.PythonModel(lambda t: convert(t), parameters=3, outputs=3, batched=True)
    x = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(model(x), x)


# What they may do meanwhile


class Odd(Exception):
    """Neither its text nor its notes can be had."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    def add_note(self, note: str) -> None:
        raise RuntimeError("no notes")


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, SystemExit, StopIteration, GeneratorExit, Odd]
)
@pytest.mark.parametrize("threads", [1, 2])
def test_whatever_is_raised_arrives(error: type[BaseException], threads: int) -> None:
    calls = []

    def forward(theta: Array) -> Array:
        calls.append(0)
        if len(calls) > 60:
            raise error
        return theta

    model = m4dl.PythonModel(forward, parameters=3, outputs=3)
    with pytest.raises(error):
        sample(model, chains=11, threads=threads)


def test_warnings_that_are_errors_arrive() -> None:
    def forward(theta: Array) -> Array:
        warnings.warn("hot", UserWarning, stacklevel=1)
        return theta

    model = m4dl.PythonModel(forward, parameters=3, outputs=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="hot"):
            sample(model)


def test_a_function_that_samples() -> None:
    """A forward map that is itself a posterior mean, found by a run of its own."""
    inner = posterior(m4dl.LinearModel(np.eye(2)))

    def forward(theta: Array) -> Array:
        draws = m4dl.sample(
            inner, m4dl.PCN(), draws=5, seed=1, chains=2, threads=2, start="prior", progress=False
        )
        return theta + draws.mean()

    model = m4dl.PythonModel(forward, parameters=2, outputs=2)
    first, again = (sample(model, chains=3, draws=3, threads=t) for t in (1, 2))
    assert np.array_equal(first.theta, again.theta)


EXIT = """
import sys, threading, time
import m4dl, numpy as np

def forward(theta):
    for _ in range(200):
        sum(range(20))
    return theta

model = {model}
p = m4dl.Posterior(
    model, m4dl.GaussianPrior(np.zeros(3), 1.0), data=np.zeros(3), noise=m4dl.GaussianNoise(1.0)
)

def work():
    m4dl.sample(
        p, m4dl.PCN(), draws=10**6, seed=1, chains=20, threads={threads}, start="prior",
        progress=False,
    )

threading.Thread(target=work, daemon=True).start()
time.sleep(0.05 + 0.01 * {turn})
# Modules that take their time to go: finalisation lasts long enough for threads to come back.
class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(0.2)
sys.slow = Slow()
"""
AT_WORK = {
    "python": "m4dl.PythonModel(forward, parameters=3, outputs=3)",
    "batched": "m4dl.PythonModel(forward, parameters=3, outputs=3, batched=True)",
    "compiled": "m4dl.LinearModel(np.eye(3))",
}


@pytest.mark.parametrize(
    ("model", "threads"), [("python", 1), ("python", 2), ("batched", 1), ("compiled", 1)]
)
def test_python_exits_while_a_daemon_thread_samples(model: str, threads: int) -> None:
    """Each turn aborted with probability 0.4 or so when threads were left to Python's end."""
    for turn in range(3):
        script = EXIT.format(model=AT_WORK[model], threads=threads, turn=turn)
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
