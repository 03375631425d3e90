"""The X-ray demo: its data, functionals and quadrature, and a run of it on a small mesh."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import m4dl
import numpy as np
import pytest
from m4dl import cli
from m4dl.demo import Settings, xray
from m4dl.demo import xray_problem as problem
from m4dl.domains import disk_mesh

RINGS = 5
SMALL = ["--chains", "2", "--draws", "8", "--warmup", "40", "--threads", "1"]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xray, "RINGS", RINGS)
    monkeypatch.setattr(xray, "SIZES", (20, 30, 40))
    monkeypatch.setattr(xray, "HISTOGRAMS", 30)
    monkeypatch.setattr(xray, "THIN", 20)
    monkeypatch.setattr(problem, "FINE", 2)


def test_data_are_nested_and_carry_the_noise_that_they_should() -> None:
    mesh = disk_mesh(RINGS)
    data = problem.synthetic_data(40, RINGS, 3)
    few, all_ = (problem.posterior_for(size, data, 3, mesh) for size in (20, 40))
    assert np.array_equal(few.model.rays.start, all_.model.rays.start[:20])
    assert np.array_equal(few.data, all_.data[:180])
    fine = disk_mesh(2 * RINGS)
    exact = m4dl.NonAbelianXRay(all_.model.rays, fine)(problem.truth(fine.points))
    # 360 residuals: the root mean square has a relative standard error of 1/sqrt(720) = 0.037
    rms = np.sqrt(((data - exact) ** 2).mean())
    assert rms == pytest.approx(problem.SIGMA, rel=5 * 0.037)


def test_the_prior_shrinks_as_the_theory_says() -> None:
    """(N/sigma^2)^(-1/(2 alpha + 2)) with alpha = nu + d/2 = 4."""
    ratio = problem.prior_std(800) / problem.prior_std(200)
    assert ratio == pytest.approx(4 ** (-1 / 10))
    mesh = disk_mesh(3)
    std = problem.prior_for(800, mesh).marginal_std()
    assert std == pytest.approx(np.full(3 * len(mesh.points), problem.prior_std(800)), rel=1e-9)


def test_functionals_are_integrals() -> None:
    """Against Gauss's rule in the radius and equal angles, for a linear field and for the truth."""
    radius, weight = np.polynomial.legendre.leggauss(40)
    r, angle = (radius + 1) / 2, 2 * np.pi * np.arange(80) / 80
    points = (r[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)).reshape(-1, 2)
    area = np.repeat(weight / 2 * r, 80) * 2 * np.pi / 80
    mesh = disk_mesh(30)
    linear = [1 + x @ [0.3, -0.2] for x in (mesh.points, points)]
    weights, exact = problem.weights(mesh), problem.exact_functionals(30)
    for name, (component, psi) in problem.functionals().items():
        values = np.zeros((3, len(mesh.points)))
        values[component] = linear[0]
        # The rule is of degree 2 in triangles of 1/30: errors of h^4 times fourth derivatives of
        # psi, up to 3/0.2^4; and psi is not zero in what the polygon leaves out, below 1e-4.
        assert weights[name] @ values.ravel() == pytest.approx(
            area @ (psi(points) * linear[1]), abs=2e-4
        )
        truth = problem.truth(points).reshape(3, -1)[component]
        assert exact[name] == pytest.approx(area @ (psi(points) * truth), abs=2e-4)


def test_relative_error() -> None:
    mesh = disk_mesh(30)
    exact = problem.truth(mesh.points)
    assert problem.relative_error(np.zeros_like(exact), mesh) == pytest.approx(1.0, rel=1e-12)
    assert problem.relative_error(2 * exact, mesh) == pytest.approx(1.0, rel=0.02)
    assert problem.relative_error(exact, mesh) < 0.02  # interpolation, h^2/8 of f'' = 0.8/0.2^2


def test_demo_writes_both_kernels_for_every_size(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    assert cli.main(["demo", "xray", *SMALL, "--seed", "7", "--out", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert (tmp_path / "summary.txt").read_text(encoding="utf-8") in shown.out
    for figure in ("fields", "fields_mixing", "histograms", "traces"):
        assert (tmp_path / f"{figure}.png").read_bytes().startswith(b"\x89PNG")
    numbers = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    rows = [(row["N"], row["kernel"]) for row in numbers["results"]]
    assert rows == [(N, kernel) for N in (20, 30, 40) for kernel in ("pCN", "HMC")]
    cold, warm = numbers["results"][:2]
    assert "PCN(beta=0.00707" in cold["provenance"]["kernel"]
    assert "adapt=False" in cold["provenance"]["kernel"]
    assert cold["provenance"]["thin"] == 20
    assert "HMC" in warm["provenance"]["kernel"]
    # theta = 0 has an error of 1, and a chain that has hardly moved one below
    assert cold["posterior_std_rms"] < 0.5 * warm["posterior_std_rms"]


def test_an_interrupted_demo_shows_what_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    real, calls = m4dl.sample, []

    def third_is_stopped(*args, **options):
        draws = real(*args, **options)
        calls.append(draws)
        return replace(draws, complete=len(calls) != 3)

    monkeypatch.setattr("m4dl.demo.settings.sample", third_is_stopped)
    settings = Settings(seed=1, chains=2, draws=6, warmup=40, threads=1, out=tmp_path, quiet=True)
    numbers = xray.run(settings)
    assert [row["N"] for row in numbers["results"]] == [20, 20, 30]
