"""Every example runs, and its numbers are those that are known.

The chains are seeded; the tolerances are those of a run with another seed all the same. A standard
deviation estimated from S effective draws has a relative error of about (2 S)^-1/2.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))
NEEDS = {"resume_store": "zarr", "user_assembler_scikit_fem": "skfem"}
MOST_LINES = 60

Check = Callable[[dict[str, float], ModuleType], None]
CHECKS: dict[str, Check] = {}


def check(function: Check) -> Check:
    CHECKS[function.__name__] = function
    return function


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_example(name: str) -> None:
    if package := NEEDS.get(name):
        pytest.importorskip(package)
    assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) <= MOST_LINES
    module = load(name)
    numbers = module.main()
    assert all(np.isfinite(value) for value in numbers.values())
    CHECKS[name](numbers, module)


@check
def coverage(n: dict[str, float], _: ModuleType) -> None:
    """24 data sets a size: 14 covered of 24 have probability 1e-7 at 95 %, and 4e-3 at 80 %."""
    assert n["used"] >= 20
    assert all(value > 14 / 24 for name, value in n.items() if " at " in name)
    # theory: -0.22 for the worst truth
    assert -0.6 < n["low"] < n["rate"] < n["high"] < -0.1


@check
def custom_sparse_prior(n: dict[str, float], _: ModuleType) -> None:
    """The closed form, 289 means: |z| < 5 fails one time in 6,000; a third off in 10 deviations."""
    assert n["worst_z"] < 5
    assert n["ess"] > 400
    # 5 standard errors of a standard deviation from 400 draws are 0.18
    assert n["worst_std_error"] < 0.18


@check
def darcy_benchmark(n: dict[str, float], _: ModuleType) -> None:
    # the published data have no more error than the 0.05 that their likelihood assumes
    assert n["misfit_of_truth"] < 0.05
    # 0.365 in a run 35 times as long, whose chains differ by 0.008; these are shorter and farther
    assert n["misfit_per_datum"] == pytest.approx(0.365, abs=0.06)
    # log 0.1; two of the posterior's own standard deviations
    assert n["low_blocks"] == pytest.approx(np.log(0.1), abs=0.6)
    assert n["coverage"] > 0.95
    assert n["failures"] == 0


@check
def heat_rod(n: dict[str, float], _: ModuleType) -> None:
    """The published answer; a standard deviation from 2,000 draws is known to 1.6 %."""
    assert n["ess"] > 2000
    assert n["flux_std"] == pytest.approx(0.1450, rel=0.05)
    assert n["convection_std"] == pytest.approx(1.4482e-5, rel=0.05)
    # 4 standard errors of the mean, 0.013 and 1.3e-6, and half of the last digit printed
    assert n["flux"] == pytest.approx(-18.41, abs=0.013 + 0.005)
    assert n["convection"] == pytest.approx(0.00191, abs=1.3e-6 + 5e-6)
    # linear elements: (h gamma)^2/12 of 75 degrees
    assert n["solver_error"] < 2e-3


@check
def papers_ula_series(n: dict[str, float], _: ModuleType) -> None:
    assert n["ess"] > 300
    # two standard deviations from 300 draws each: 6 %; the posterior is Gaussian to 3 %
    assert n["stiffest_std_ratio"] == pytest.approx(np.sqrt(2), rel=0.15)
    assert n["softest_std_ratio"] == pytest.approx(1.0, rel=0.2)
    # the largest of twelve differences of means, each with an error of (2/300)^1/2
    assert n["largest_shift_over_std"] < 4 * np.sqrt(2 / 300)


@check
def python_model(n: dict[str, float], module: ModuleType) -> None:
    """Against quadrature on a grid, and the published least-squares fit."""
    log_v, log_k = np.meshgrid(np.linspace(5.0, 5.7, 300), np.linspace(-4.5, -1.5, 400))
    theta = np.stack([log_v.ravel(), log_k.ravel()], axis=1)
    misfit = ((module.RATE - module.forward(theta)) / module.SIGMA) ** 2
    prior = (theta - np.log([200.0, 0.1])) ** 2
    weight = np.exp(-0.5 * (misfit.sum(axis=1) + prior.sum(axis=1)))
    weight /= weight.sum()
    assert n["ess"] > 400
    for name, value in zip("VK", np.exp(theta).T, strict=True):
        mean = weight @ value
        std = np.sqrt(weight @ (value - mean) ** 2)
        assert n[name] == pytest.approx(mean, abs=4.5 * std / np.sqrt(n["ess"]))
        assert n[f"{name}_std"] == pytest.approx(std, rel=0.2)
    # the posterior leans to larger values than the fit: by less than half a deviation
    assert n["V"] == pytest.approx(212.7, abs=6.95 / 2)
    assert n["K"] == pytest.approx(0.0641, abs=0.00828 / 2)


@check
def resume_store(n: dict[str, float], _: ModuleType) -> None:
    assert n["exit_code"] == -9  # the second process died of the signal
    assert n["sessions"] == 3
    assert n["draws"] == 3000
    assert n["different"] == 0


@check
def schrodinger_grid(n: dict[str, float], _: ModuleType) -> None:
    assert n["rmse"] < 0.3  # of a field of amplitude 1.5
    assert n["coverage"] >= 0.9
    # chi^2 of 100 data: 1 with a standard deviation of 0.14
    assert n["misfit_per_datum"] == pytest.approx(1.0, abs=0.35)
    assert n["std_over_laplace"] == pytest.approx(1.0, abs=0.1)
    assert n["rhat"] < 1.05


@check
def user_assembler_scikit_fem(n: dict[str, float], _: ModuleType) -> None:
    assert n["error_of_forward"] < 1e-12  # the same matrices, another direct solver
    # chi^2 of 60 data: 1 with a standard deviation of 0.18
    assert n["misfit_per_datum"] == pytest.approx(1.0, abs=0.45)
    assert n["coverage"] >= 0.8
    assert n["rhat"] < 1.05


@check
def xray_ct(n: dict[str, float], _: ModuleType) -> None:
    """The closed form, 441 means: |z| < 5 fails one time in 3,000."""
    assert n["worst_z"] < 5
    # 6 standard errors of a standard deviation from 2,000 independent draws are 0.095
    assert n["worst_std_error"] < 0.095
    # of a phantom with sharp edges, on cells of 0.1
    assert n["error"] < 0.4
