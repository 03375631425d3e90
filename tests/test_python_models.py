"""A Python model that raises, or returns what it should not: the user is told, and told where."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import m4dl
import numpy as np
import pytest
from problems import Array

Z3 = np.zeros(3)


def python(forward: Any = lambda t: t, gradient: Any = None, **options: Any) -> m4dl.PythonModel:
    return m4dl.PythonModel(forward, gradient, **({"parameters": 3, "outputs": 3} | options))


def posterior(model: m4dl.Model) -> m4dl.Posterior:
    prior, noise = m4dl.GaussianPrior(Z3, 1.0), m4dl.GaussianNoise(1.0)
    return m4dl.Posterior(model, prior, data=Z3, noise=noise)


def sample(kernel: Any, model: m4dl.Model, **options: Any) -> Any:
    settings = {"draws": 3, "seed": 1, "progress": False}
    return m4dl.sample(posterior(model), kernel, **(settings | options))


def check(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        call()


def raising(chain: int) -> Callable[[Array], Array]:
    """Works, until the first component is that of the given chain's start."""

    def solve_the_equation(theta: Array) -> Array:
        if (theta[..., 0] == chain).any():
            raise ZeroDivisionError("no bread left")
        return theta

    return solve_the_equation


@pytest.mark.parametrize(
    ("batched", "note"),
    [
        (False, "raised by the model's forward function for chain 9"),
        (True, "raised by the model's forward function for chains 8 to 10"),
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_python_model_that_raises(batched: bool, note: str, threads: int) -> None:
    """Its own exception with its own traceback, and a note that names the chain."""
    start = np.zeros((11, 3))
    start[:, 0] = np.arange(11)
    model = python(raising(9), batched=batched)
    with pytest.raises(ZeroDivisionError, match="no bread left") as caught:
        sample(m4dl.PCN(), model, chains=11, start=start, threads=threads)
    assert caught.value.__notes__ == [note]
    assert caught.traceback[-1].name == "solve_the_equation"


def test_a_python_model_that_raises_later_on() -> None:
    """After some iterations, in the gradient; the run then refuses to go on half done."""
    calls = []

    def gradient(theta: Array, w: Array) -> Array:
        calls.append(theta)
        if len(calls) == 21:  # the first is made twice
            raise KeyError("lost")
        return w

    target = posterior(python(gradient=gradient))
    run = m4dl.MALA(step_size=0.1).start(target.core, 2, 1, np.zeros((2, 3)), 1)
    state = run.state()
    with pytest.raises(KeyError, match="lost") as caught:
        run.advance(100)
    assert caught.value.__notes__ == ["raised by the model's gradient function for chain 1"]
    with pytest.raises(ValueError, match="stopped in the middle of a step: restore a state first"):
        run.advance(1)
    run.restore(state)
    run.advance(5)
    assert run.iteration == 5


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (python(lambda t: t[:2]), "forward must return shape (3,), got (2,)"),
        (python(lambda t: t[0], batched=True), "forward must return shape (1, 3), got (3,)"),
    ],
)
def test_a_python_model_of_the_wrong_shape(model: m4dl.PythonModel, message: str) -> None:
    check(lambda: model(Z3), message)
    check(lambda: posterior(model).potential(Z3), message)


def test_a_gradient_of_the_wrong_shape() -> None:
    model = python(gradient=lambda t, w: w[:1])
    check(lambda: model.pull(Z3, Z3), "gradient must return shape (3,), got (1,)")


def test_a_python_model_that_returns_no_numbers() -> None:
    for nothing in ("abc", None, ["1", "2", "3"]):
        with pytest.raises(
            TypeError, match="forward must return real numbers, got dtype"
        ) as caught:
            python(lambda t, value=nothing: value)(Z3)
        assert caught.value.__notes__ == ["raised by the model's forward function for chain 0"]


def test_a_python_model_that_returns_complex_numbers() -> None:
    with pytest.raises(TypeError, match="forward must return real numbers, got dtype complex128"):
        python(lambda t: t * 1j)(Z3)


@pytest.mark.parametrize("kernel", [m4dl.PCN(), m4dl.MALA(), m4dl.ULA(0.1)])
def test_a_start_that_is_not_finite(kernel: Any) -> None:
    model = python(lambda t: np.where(t > 2.0, np.nan, t), lambda t, w: w)
    start = np.zeros((4, 3))
    start[[1, 3], 0] = 5.0
    check(
        lambda: sample(kernel, model, start=start),
        "the potential is not finite at the start of chain(s) 1, 3: ",
    )


@pytest.mark.parametrize("kernel", [m4dl.MALA(), m4dl.ULA(0.1)])
def test_a_gradient_that_is_not_finite_at_the_start(kernel: Any) -> None:
    model = python(gradient=lambda t, w: np.full(3, np.inf))
    check(
        lambda: sample(kernel, model, chains=2),
        "the gradient is not finite at the start of chain(s) 0, 1: ",
    )
