"""Any assembler will do: quadratic elements of scikit-fem, mixed boundary conditions, full speed.

-div(f grad u) = 1 on an L-shaped domain, u = 0 on the ends of its arms, no flux elsewhere on the
boundary; f = exp(theta) is constant on each of 24 coarse triangles; u is seen at 60 points.
"""

import m4dl
import numpy as np
import skfem
from skfem.models.poisson import laplace, unit_load

COARSE = skfem.MeshTri.init_lshaped().refined(1)
MESH = COARSE.refined(2)
BASIS = skfem.Basis(MESH, skfem.ElementTriP2())
FIXED = BASIS.get_dofs(lambda x: np.maximum(x[0], x[1]) > 1 - 1e-9).flatten()
FREE = np.setdiff1d(np.arange(BASIS.N), FIXED)
DOMAIN = m4dl.TriangleMesh(COARSE.p.T, COARSE.t.T)
SIGMA = 0.2


def assemble():
    """Return the stiffness of each coarse triangle, the load, and the observation operator."""
    parent = COARSE.element_finder()(*MESH.p[:, MESH.t].mean(axis=1))
    parts = (np.flatnonzero(parent == k) for k in range(COARSE.nelements))
    terms = [laplace.assemble(skfem.Basis(MESH, BASIS.elem, elements=part)) for part in parts]
    inner = MESH.p[:, MESH.interior_nodes()]
    points = inner[:, np.random.default_rng(0).permutation(inner.shape[1])[:60]] + 0.01
    return terms, unit_load.assemble(BASIS), BASIS.probes(points).tocsr()


def run():
    terms, load, observe = assemble()
    free = [a[FREE][:, FREE] for a in terms]
    place = {"coordinates": BASIS.doflocs[:, FREE].T, "domain": DOMAIN, "at": "cells"}
    model = m4dl.AffineElliptic(None, free, load[FREE], observe[:, FREE], **place)
    truth = np.where(DOMAIN.coordinates("cells")[:, 0] < 0, 0.7, -0.7)
    a = sum(np.exp(t) * term for t, term in zip(truth, terms, strict=True))
    u = observe @ skfem.solve(*skfem.condense(a, load, D=FIXED))  # scikit-fem's own answer
    data = u + SIGMA * np.random.default_rng(1).standard_normal(60)
    prior = m4dl.GaussianPrior(np.zeros(24), 1.0, domain=DOMAIN, at="cells")
    posterior = m4dl.Posterior(model, prior, data=data, noise=m4dl.GaussianNoise(SIGMA))
    information = np.diag(posterior.gauss_newton(np.zeros((24, 24)), np.eye(24)))
    kernel = m4dl.MALA(0.1, metric=m4dl.kernels.DiagonalMetric(1 / (1 + information)))
    options = {"draws": 3000, "thin": 3, "warmup": 1000, "chains": 8, "seed": 1}
    draws = m4dl.sample(posterior, kernel, **options)
    return draws, truth, np.abs(model(truth) / u - 1).max()


def main() -> dict[str, float]:
    draws, truth, error = run()
    return {
        "error_of_forward": error,
        "misfit_per_datum": -2 * draws.log_likelihood.mean() / 60,
        "coverage": np.mean(np.abs(draws.mean() - truth) < 2 * draws.std()),
        "rhat": draws.rhat().max(),
    }


if __name__ == "__main__":
    print(main())
