"""Every public call with right arguments, which the attack then replaces one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import m4dl
import numpy as np
import scipy.sparse as sp
from gallery import draws, make_data, moments, posterior, speed, squared
from m4dl import credible, testing
from m4dl.domains import disk_mesh, norms
from m4dl.rays import Rays
from m4dl.results import diagnostics

ANYTHING = ("string", "bytes", "object", "class", "module")


@dataclass(frozen=True)
class Call:
    """A public callable, right arguments, and for each argument which wrong values are right."""

    function: Callable[..., Any]
    arguments: dict[str, Any]
    takes: dict[str, tuple[str, ...]] = field(default_factory=dict)


def run(**changes: Any) -> dict[str, Any]:
    return {"draws": 12, "warmup": 4, "seed": 1, "progress": False} | changes


@cache
def parts() -> dict[str, Any]:
    """What calls need, made once."""
    grid, square = m4dl.Grid((3, 3)), m4dl.TriangleMesh.rectangle((2, 2))
    disk = m4dl.domains.Disk()
    matern = m4dl.MaternPrior(grid)
    python = m4dl.PythonModel(
        lambda t: t[:, :3], lambda t, w: np.pad(w, ((0, 0), (0, 1))), parameters=4, outputs=3,
        batched=True,
    )  # fmt: skip
    return {
        "grid": grid,
        "line": m4dl.Grid((3,)),
        "mesh": square,
        "disk mesh": disk_mesh(2),
        "box": m4dl.TetrahedronMesh.box((1, 1, 1)),
        "disk": disk,
        "polygon": m4dl.domains.Polygon([[0, 0], [1, 0], [1, 1], [0, 1]]),
        "rays": Rays.random(disk, 5, seed=1),
        "geodesics": m4dl.rays.Geodesics(disk, [0.1, 0.5], [0.2, 0.1], sound_speed=speed),
        "zernike": m4dl.rays.ZernikeBasis(2),
        "matern": matern,
        "gaussian": m4dl.GaussianPrior(np.zeros(4), 1.0),
        "schrodinger": m4dl.Schrodinger(grid, [[0.4, 0.5]]),
        "darcy": m4dl.Darcy(square, [[0.4, 0.5]]),
        "linear": m4dl.LinearModel(np.arange(12.0).reshape(3, 4)),
        "python": python,
        "frames": m4dl.NonAbelianXRay(Rays.random(disk, 3, seed=1), disk_mesh(1)),
        "map": m4dl.find_map(posterior(), starts=2),
        "fit": m4dl.laplace(posterior()),
        "surrogate": m4dl.langevin.LogConcaveSurrogate(
            posterior(), centre=np.zeros(4), eta=2.0, curvature=1.0
        ),
        "guarantee": m4dl.langevin.guarantee(posterior()),
        "interval": credible.Interval(squared).of(draws(), 0.9),
        "ball": credible.Ball().of(draws(), 0.9),
        "norm": norms.SobolevNorm(grid, "nodes", 1.0),
        "sup": norms.SupNorm(),
    }


def of_model(model: m4dl.Model) -> dict[str, Call]:
    theta, w = np.full(model.parameters, 0.1), np.ones(model.outputs)
    calls = {"forward": Call(model.forward, {"theta": theta, "threads": 1})}
    calls["iterations"] = Call(model.iterations, {"theta": theta, "threads": 1})
    if model.has_pull:
        calls["pull"] = Call(model.pull, {"theta": theta, "sensitivity": w, "threads": 1})
    if model.has_push:
        calls["push"] = Call(model.push, {"theta": theta, "tangent": theta, "threads": 1})
    return calls


def of_prior(prior: Any) -> dict[str, Call]:
    xi, theta = np.ones(prior.white), np.ones(prior.parameters)
    return {
        "push": Call(prior.push, {"xi": xi, "threads": 1}),
        "pull": Call(prior.pull, {"xi": xi, "dtheta": theta}),
        "tangent": Call(prior.tangent, {"xi": xi, "dxi": xi}),
        "draw": Call(prior.draw, {"count": 2, "seed": 1}),
        "log_density": Call(prior.log_density, {"theta": prior.mean, "space": "theta"}),
    }


def of_posterior(target: Any) -> dict[str, Call]:
    xi = np.full(4, 0.1)
    return {
        "potential": Call(target.potential, {"xi": xi, "threads": 1}),
        "gradient": Call(target.gradient, {"xi": xi, "threads": 1}),
        "gauss_newton": Call(target.gauss_newton, {"xi": xi, "dxi": xi, "threads": 1}),
        "log_likelihood": Call(target.log_likelihood, {"theta": xi, "threads": 1}),
        "log_density": Call(target.log_density, {"theta": xi, "space": "theta", "threads": 1}),
        "log_density_gradient": Call(
            target.log_density_gradient, {"theta": xi, "space": "white", "threads": 1}
        ),
    }


def of_mesh(mesh: Any) -> dict[str, Call]:
    return {
        name: Call(getattr(mesh, name), {"at": "nodes"})
        for name in ("coordinates", "shape_of", "size_of")
    }


def constructors() -> dict[str, Call]:
    p = parts()
    eye, matrix, z4 = sp.eye_array(4, format="csr"), np.arange(12.0).reshape(3, 4), np.zeros(4)
    elliptic = {"link": "exp", "floor": 0.1, "solver": "auto", "tolerance": 1e-8}
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    xray = {"rays": p["rays"], "field": p["disk mesh"], "at": "nodes", "step": 0.2}
    plain = {"metric": None, "adapt": True, "target": 0.5}
    known = draws()
    record = {
        name: getattr(known, name)
        for name in ("acceptance", "step_size", "failures", "warmup", "thin", "seed", "kernel",
                     "complete", "provenance", "seconds", "domain", "at")
    }  # fmt: skip
    about = {"kernel": ("string",)}
    return {
        "PCN": Call(m4dl.PCN, {"beta": 0.2, **plain}),
        "MALA": Call(m4dl.MALA, {"step_size": 0.2, **plain}),
        "HMC": Call(m4dl.HMC, {"step_size": 0.2, "trajectory": 1.0, "max_steps": 8, **plain}),
        "ULA": Call(m4dl.ULA, {"step_size": 0.2, "metric": None}),
        "DelayedAcceptance": Call(m4dl.DelayedAcceptance, {
            "coarse_posterior": posterior(), "kernel": m4dl.PCN(), "steps": 2,
            "error_model": "full"}),
        "AffineElliptic": Call(m4dl.AffineElliptic, {
            "constant": eye, "terms": [eye, eye], "load": np.ones(4), "observe": eye[:2],
            "load_terms": sp.csr_array((4, 2)), "offset": np.zeros(2), "coordinates": square,
            "domain": None, "at": None, **elliptic}),
        "AttenuatedXRay": Call(m4dl.AttenuatedXRay, {**xray, "attenuation": 0.5}),
        "XRay": Call(m4dl.XRay, xray),
        "NonAbelianXRay": Call(m4dl.NonAbelianXRay, {**xray, "group": "so(3)"}),
        "Darcy": Call(m4dl.Darcy, {
            "mesh": p["grid"], "points": [[0.4, 0.5]], "source": 1.0, "boundary": 0.0,
            "blocks": None, "at": "nodes", **elliptic}),
        "Darcy triangles": Call(m4dl.Darcy, {
            "mesh": p["mesh"], "points": [[0.4, 0.5]], "source": lambda x: x[:, 0],
            "boundary": lambda x: x[:, 1], "at": "cells", **elliptic}),
        "Schrodinger": Call(m4dl.Schrodinger, {
            "mesh": p["grid"], "points": [[0.4, 0.5]], "boundary": 1.0, "at": "nodes",
            **elliptic}),
        "LinearModel": Call(m4dl.LinearModel, {"matrix": matrix}),
        "LinearModel sparse": Call(m4dl.LinearModel, {"matrix": eye}),
        "PythonModel": Call(m4dl.PythonModel, {
            "forward": lambda t: t, "gradient": lambda t, w: w, "parameters": 3, "outputs": 3,
            "batched": False}, {"forward": ("class",), "gradient": ("class",)}),
        "GaussianNoise": Call(m4dl.GaussianNoise, {"std": 0.1}),
        "Posterior": Call(m4dl.Posterior, {
            "model": p["linear"], "prior": p["gaussian"], "data": np.zeros(3),
            "noise": m4dl.GaussianNoise(1.0)}),
        "LogConcaveSurrogate": Call(m4dl.langevin.LogConcaveSurrogate, {
            "posterior": posterior(), "centre": z4, "eta": 2.0, "curvature": 1.0, "scale": None}),
        "GaussianPrior": Call(m4dl.GaussianPrior, {
            "mean": z4, "cov": np.eye(4), "domain": p["line"], "at": "nodes",
            "names": ["a", "b", "c", "d"]}, {"names": ("string array",)}),
        "InterpolatedPrior": Call(m4dl.InterpolatedPrior, {
            "prior": p["matern"], "mesh": p["mesh"]}),
        "MaternPrior": Call(m4dl.MaternPrior, {
            "mesh": p["grid"], "std": 1.0, "length": 0.2, "smoothness": 1.0, "mean": 0.0,
            "at": "nodes", "boundary": "corrected"}),
        "MaternPrior triangles": Call(m4dl.MaternPrior, {
            "mesh": p["mesh"], "std": 1.0, "length": 0.2, "smoothness": 1.0,
            "mean": lambda x: x[:, 0], "boundary": "corrected"}),
        "SeriesPrior": Call(m4dl.SeriesPrior, {
            "mesh": p["grid"], "modes": 4, "alpha": 2.0, "std": 1.0, "mean": 0.0, "at": "nodes"}),
        "SparsePrior": Call(m4dl.SparsePrior, {
            "A": eye, "D": eye, "mean": 0.0, "coordinates": square, "domain": None, "at": None}),
        "VectorPrior": Call(m4dl.VectorPrior, {
            "priors": p["gaussian"], "mixing": None, "components": 2}),
        "DiagonalMetric": Call(m4dl.kernels.DiagonalMetric, {"variance": np.ones(4)}),
        "LowRankMetric": Call(m4dl.kernels.LowRankMetric, {
            "centre": z4, "basis": np.eye(4)[:, :1], "variance": np.ones(1)}),
        "Grid": Call(m4dl.Grid, {"cells": (3, 3), "extent": [(0, 1), (0, 1)]},
                     {"cells": (), "extent": ()}),
        "TriangleMesh": Call(m4dl.TriangleMesh, {
            "points": square, "cells": [[0, 1, 2], [0, 2, 3]]}),
        "TriangleMesh.rectangle": Call(m4dl.TriangleMesh.rectangle, {
            "cells": (2, 2), "extent": [(0, 1), (0, 1)]}),
        "TetrahedronMesh": Call(m4dl.TetrahedronMesh, {
            "points": p["box"].points, "cells": p["box"].cells}),
        "TetrahedronMesh.box": Call(m4dl.TetrahedronMesh.box, {
            "cells": (1, 1, 1), "extent": [(0, 1)] * 3}),
        "disk_mesh": Call(disk_mesh, {"rings": 2, "radius": 1.0, "centre": (0.0, 0.0)}),
        "Disk": Call(m4dl.domains.Disk, {"radius": 1.0, "centre": (0.0, 0.0)}),
        "Polygon": Call(m4dl.domains.Polygon, {"vertices": square}),
        "Polygon.from_curve": Call(m4dl.domains.Polygon.from_curve, {
            "gamma": lambda s: np.stack([np.cos(6.283 * s), np.sin(6.283 * s)], -1), "n": 12}),
        "ZernikeBasis": Call(m4dl.rays.ZernikeBasis, {"degree": 3}),
        "Rays": Call(Rays, {
            "domain": p["disk"], "start": [[0.0, 0.0]], "direction": [[1.0, 0.0]]}),
        "Rays.random": Call(Rays.random, {"domain": p["polygon"], "count": 4, "seed": 1}),
        "Rays.parallel": Call(Rays.parallel, {
            "domain": p["disk"], "angles": [0.1, 0.2], "offsets": [0.0, 0.3]}),
        "Rays.fan": Call(Rays.fan, {
            "domain": p["disk"], "sources": [[0.9, 0.0]], "angles": [3.0, 3.1]}),
        "Rays.through": Call(Rays.through, {
            "domain": p["disk"], "a": [[0.9, 0.0]], "b": [[0.0, 0.1]]}),
        "Geodesics": Call(m4dl.rays.Geodesics, {
            "domain": p["disk"], "boundary_angle": [0.1], "incidence": [0.2],
            "sound_speed": speed}),
        "Geodesics.random": Call(m4dl.rays.Geodesics.random, {
            "domain": p["disk"], "count": 3, "seed": 1, "sound_speed": speed}),
        "Draws": Call(m4dl.results.Draws, {
            "theta": np.array(known.theta[:, :9]), "log_likelihood": known.log_likelihood[:, :9],
            **record}, about),
        "Moments": Call(m4dl.results.Moments, {
            "mean": np.zeros((2, 3)), "variance": np.ones((2, 3)), "mcse": np.ones(3),
            "rhat": np.ones(3), "functionals": {}, "draws": 5,
            **record, "domain": None, "at": None}, about),
        "Ball": Call(credible.Ball, {"order": 0.0, "domain": p["line"], "at": "nodes"}),
        "Interval": Call(credible.Interval, {"functional": squared, "kind": "equal-tailed"},
                         {"functional": ("string", "class")}),
        "Ellipsoid": Call(credible.Ellipsoid, {"functionals": [squared, np.ones(4)]}),
        "SobolevNorm": Call(norms.SobolevNorm, {
            "domain": p["grid"], "at": "nodes", "order": 1.0}),
    }  # fmt: skip


def functions() -> dict[str, Call]:
    p = parts()
    target, pcn = posterior(), m4dl.PCN()
    several = {"functionals": {"f": squared, "g": np.ones(4)}}
    fields = np.linspace(0, 1, 32).reshape(8, 4)
    study = {
        "make_data": make_data, "truth": np.ones(4), "sizes": [1, 2],
        "sets": {"i": credible.Interval(squared)}, "kernel": pcn, "replicates": 4, "draws": 40,
        "warmup": 4, "thin": 1, "chains": 2, "seed": 1, "level": 0.8, "most_rhat": 9.0,
        "least_ess": 1, "progress": False, "threads": 1,
    }  # fmt: skip
    return {
        "sample": Call(m4dl.sample, {
            "posterior": target, "kernel": pcn, "chains": 2, "thin": 1, "threads": 1,
            "keep": "draws", "functionals": None, "store": None, "start": "prior", **run()},
            {"store": ("string",)}),
        "sample moments": Call(m4dl.sample, {
            "posterior": target, "kernel": m4dl.HMC(), "chains": 2, "keep": "moments",
            **several, **run()}),
        "sample python": Call(m4dl.sample, {
            "posterior": m4dl.Posterior(p["python"], p["gaussian"], data=np.zeros(3),
                                        noise=m4dl.GaussianNoise(1.0)),
            "kernel": m4dl.MALA(), "chains": 3, "start": np.zeros(4), **run()}),
        "compare_kernels": Call(m4dl.studies.compare_kernels, {
            "posterior": target, "kernels": [pcn, m4dl.MALA()], **several, "chains": 2,
            "thin": 1, "start": "mean", "threads": 1, **run()}),
        "ula_bias": Call(m4dl.langevin.ula_bias, {
            "posterior": target, "kernel": m4dl.ULA(0.1), **several, "chains": 2, "thin": 1,
            "start": "prior", "threads": 1, **run()}),
        "coverage_study": Call(m4dl.studies.coverage, study),
        "sbc": Call(m4dl.studies.sbc, {
            "posterior": target, "kernel": pcn, "replicates": 50, "chains": 1, "thin": 1,
            "start": "prior", "confidence": 0.9, "threads": 1, **several, **run()}),
        "rank_test": Call(m4dl.studies.rank_test, {
            "posterior": target, "kernel": pcn, "replicates": 50, "length": 4, "seed": 1,
            "confidence": 0.9, "threads": 1, "progress": False, **several}),
        "find_map": Call(m4dl.find_map, {
            "posterior": target, "starts": 2, "seed": 1, "tolerance": 1e-5, "max_iterations": 9,
            "threads": 1}),
        "laplace": Call(m4dl.laplace, {
            "posterior": target, "rank": 2, "threshold": 0.01, "at": np.zeros(4), "passes": 2,
            "oversampling": 1, "seed": 1, "threads": 1}),
        "langevin_guarantee": Call(m4dl.langevin.guarantee, {
            "posterior": target, "centre": np.zeros(4), "eta": None, "curvature": None,
            "scale": None, "precision": None, "step_size": None, "directions": 3, "seed": 1,
            "threads": 1}),
        "refined_metric": Call(m4dl.modes.refined_metric, {
            "fit": p["fit"], "seed": 1, "draws": 32, "warmup": 16, "chains": 4, "widen": 1.2,
            "threads": 1}),
        "bvm": Call(m4dl.studies.bvm, {
            "posterior": target, "functional": np.ones(4), "theta0": np.zeros(4),
            "draws": draws()}),
        "contraction_rate": Call(m4dl.priors.contraction_rate, {
            "alpha": 2.0, "kappa": 1.0, "d": 2, "order": 0.0}),
        "rescale_for": Call(m4dl.priors.rescale_for, {
            "N": 100.0, "alpha": 3.0, "kappa": 1.0, "d": 2, "sigma": 1.0, "multiple": 1.0}),
        "check_derivatives": Call(testing.check_derivatives, {
            "model": p["schrodinger"], "theta": np.zeros(16), "seed": 0, "step": 0.1,
            "tolerance": 1e-10}),
        "darcy_disk": Call(testing.darcy_disk, {
            "points": [[0.1, 0.2]], "f": 0.1, "source": 1.0, "radius": 1.0, "curvature": 0.1}),
        "schrodinger_disk": Call(testing.schrodinger_disk, {
            "points": [[0.1, 0.2]], "f": 1.1, "boundary": 1.0, "radius": 1.0}),
        "schrodinger_interval": Call(testing.schrodinger_interval, {
            "x": [0.1, 0.2], "f": 1.1, "boundary": 1.0}, {"x": ("liar",)}),
        "gaussian_posterior": Call(testing.gaussian_posterior, {
            "matrix": np.ones((3, 4)), "prior_mean": np.zeros(4), "prior_cov": np.eye(4),
            "data": np.zeros(3), "noise_std": 1.0}),
        "xray_singular_system": Call(testing.xray_singular_system, {"n": 2, "k": 1}),
        "testing.disk_mesh": Call(testing.disk_mesh, {"rings": 2, "radius": 1.0}),
        **{f"diagnostics.{name}": Call(getattr(diagnostics, name), {"draws": fields})
           for name in ("mcse_mean", "mcse_sd", "rhat", "summarise")},
        "diagnostics.ess": Call(diagnostics.ess, {"draws": fields, "kind": "bulk"}),
        **{f"diagnostics.{name}": Call(getattr(diagnostics, name), {"draws": fields, "p": 0.5})
           for name in ("ess_quantile", "mcse_quantile")},
    }  # fmt: skip


def methods() -> dict[str, Call]:
    p = parts()
    points, theta = np.full((2, 2), 0.3), np.full(4, 0.2)
    out: dict[str, Call] = {}
    for name in ("schrodinger", "darcy", "linear", "python", "frames"):
        out |= {f"{name}.{k}": call for k, call in of_model(p[name]).items()}
    for name in ("matern", "gaussian"):
        out |= {f"{name}.{k}": call for k, call in of_prior(p[name]).items()}
    for name, target in (("posterior", posterior()), ("surrogate", p["surrogate"])):
        out |= {f"{name}.{k}": call for k, call in of_posterior(target).items()}
    for name in ("grid", "mesh", "box"):
        out |= {f"{name}.{k}": call for k, call in of_mesh(p[name]).items()}
    for name, region in (("interval", p["interval"]), ("ball", p["ball"])):
        for method in ("contains", "distance"):
            out[f"{name}.{method}"] = Call(getattr(region, method), {"theta": theta})
    kinds = {
        "Ball": credible.Ball(), "SupBall": credible.SupBall(), "Band": credible.Band(),
        "Interval": credible.Interval(squared), "Ellipsoid": credible.Ellipsoid([squared, theta]),
    }  # fmt: skip
    for name, kind in kinds.items():
        out[f"{name}.of"] = Call(kind.of, {"draws": draws(), "level": 0.9})
    frames = p["frames"]
    return out | {
        "grid.contains": Call(p["grid"].contains, {"points": points}),
        "grid.axes": Call(p["grid"].axes, {"at": "nodes"}),
        "disk.contains": Call(p["disk"].contains, {"points": points}),
        "disk.boundary": Call(
            p["disk"].boundary, {"fraction": [0.1, 0.2]}, {"fraction": ("liar",)}),
        "polygon.contains": Call(p["polygon"].contains, {"points": points}),
        "polygon.boundary": Call(
            p["polygon"].boundary, {"fraction": [0.1, 0.2]}, {"fraction": ("liar",)}),
        "rays.path": Call(p["rays"].path, {"count": 4}),
        "rays.quadrature": Call(p["rays"].quadrature, {"step": 0.2}),
        "geodesics.path": Call(p["geodesics"].path, {"count": 4}),
        "geodesics.quadrature": Call(p["geodesics"].quadrature, {"step": 0.2}),
        "zernike.evaluate": Call(p["zernike"].evaluate, {"points": points}),
        "zernike.coefficients": Call(p["zernike"].coefficients, {
            "function": lambda x: x[:, 0], "exact": 2}),
        "frames.coefficients": Call(frames.coefficients, {
            "field": np.zeros((frames.parameters // 3, 3, 3))}),
        "frames.matrix_field": Call(frames.matrix_field, {"theta": np.zeros(frames.parameters)}),
        "frames.matrices": Call(frames.matrices, {"y": np.zeros(frames.outputs)}),
        "frames.vector": Call(frames.vector, {"matrices": np.zeros((3, 3, 3))}),
        "noise.expand": Call(posterior().noise.expand, {"size": 3}),
        "surrogate.distance": Call(p["surrogate"].distance, {"xi": theta}),
        "surrogate.white_of": Call(p["surrogate"].white_of, {"theta": theta}),
        "laplace.draw": Call(p["fit"].draw, {"count": 2, "seed": 1}),
        "guarantee.bound": Call(p["guarantee"].bound, {"steps": 100}),
        "draws.predictive": Call(draws().predictive, {
            "of": posterior(), "noise": None, "seed": 1, "threads": 1}),
        "draws.predictive of a model": Call(draws().predictive, {
            "of": posterior().model, "noise": posterior().noise, "seed": 1}),
        "draws.to_datatree": Call(draws().to_datatree, {
            "posterior": posterior(), "predictive": np.zeros((2, 300, 3))}),
        "draws.component": Call(draws().component, {"number": 0}),
        "draws.ess": Call(draws().ess, {"kind": "bulk"}),
        "draws.functional": Call(draws().functional, {"of": squared}),
        "draws.quantile": Call(draws().quantile, {"p": 0.5}),
        "draws.summary": Call(draws().summary, {
            "max_rows": 3, "functionals": {"f": squared}}),
        "moments.component": Call(moments().component, {"number": 0}),
        "moments.summary": Call(moments().summary, {"max_rows": 3}),
        "SobolevNorm.call": Call(p["norm"].__call__, {"field": np.zeros(16)}),
        "SupNorm.call": Call(p["sup"].__call__, {"field": theta}),
    }  # fmt: skip


@cache
def calls() -> dict[str, Call]:
    """All of them, by name."""
    return {**constructors(), **functions(), **methods()}
