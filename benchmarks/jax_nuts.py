"""NUTS on the Schroedinger posterior: a program of its own, run by an interpreter that has NumPyro.

    python jax_nuts.py problem.npz --draws 500 --warmup 500

Needs jax and numpyro and nothing of m4dl. ``problem.npz`` holds n, idx, y, sigma, g, kappa, s (see
``by_hand.Schrodinger``), ``states``, one row of coefficients of cosines for each state, the first
of which the chain starts at, and ``places``, indices of theta. Prints JSON: the version; potentials
and gradients at the states; step size, acceptance, gradients, seconds of processor time; and writes
theta at the places and the potential of every draw to ``--out``.

White noise, so that the prior is N(0, I). The equation is solved by conjugate gradients that sines
precondition, the constant-coefficient operator with the mean of exp(theta): a few products with the
sine matrix, which is what XLA does best. Double precision; the adjoint solve comes from the
symmetric ``custom_linear_solve``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from typing import Any

os.environ["XLA_FLAGS"] = (
    "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1 "
    + os.environ.get("XLA_FLAGS", "")
)
os.environ["JAX_ENABLE_X64"] = "1"

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
from numpyro.infer import MCMC, NUTS

TOLERANCE = 1e-10
"""Of the residual, relative to the right-hand side."""
FIELDS = ("num_steps", "potential_energy", "accept_prob")


def potential(data: Any) -> Any:
    """The misfit as a function of the coefficients of cosines."""
    n = int(data["n"])
    h = 1.0 / (n + 1)
    k = np.arange(n)
    cosines = np.sqrt((2.0 - (k == 0)) / n)[:, None] * np.cos(np.pi * k[:, None] * (k + 0.5) / n)
    sines = np.sqrt(2.0 * h) * np.sin(np.pi * h * np.outer(k + 1, k + 1))
    neumann = (2.0 - 2.0 * np.cos(np.pi * k / n)) / h**2
    kappa, s = float(data["kappa"]), float(data["s"])
    scale = s * np.sqrt(4.0 * np.pi) * kappa / h
    spectrum = jnp.asarray(scale / (kappa**2 + np.add.outer(neumann, neumann)))
    line = (1.0 - np.cos(np.pi * h * (k + 1))) / h**2
    laplacian = jnp.asarray(np.add.outer(line, line))  # of -Lap/2
    ends = np.zeros(n)
    ends[[0, -1]] = 0.5 * float(data["g"]) / h**2
    load = jnp.asarray(np.add.outer(ends, ends))
    cosines, sines = jnp.asarray(cosines), jnp.asarray(sines)
    idx, y = jnp.asarray(data["idx"]), jnp.asarray(data["y"])
    sigma = float(data["sigma"])

    def half_laplacian(u: Any) -> Any:
        padded = jnp.pad(u, 1)
        around = padded[2:, 1:-1] + padded[:-2, 1:-1] + padded[1:-1, 2:] + padded[1:-1, :-2]
        return (2.0 * u - 0.5 * around) / h**2

    def phi(xi: Any) -> Any:
        f = jnp.exp(cosines.T @ (spectrum * xi.reshape(n, n)) @ cosines)
        inverse = 1.0 / (laplacian + jnp.mean(jax.lax.stop_gradient(f)))

        def precondition(r: Any) -> Any:
            return sines @ (inverse * (sines @ r @ sines)) @ sines

        def solve(matvec: Any, right: Any) -> Any:
            return jax.scipy.sparse.linalg.cg(
                matvec, right, M=precondition, tol=TOLERANCE, maxiter=200
            )[0]

        u = jax.lax.custom_linear_solve(
            lambda u: half_laplacian(u) + f * u, load, solve, symmetric=True
        )
        residual = (u.ravel()[idx] - y) / sigma
        return 0.5 * residual @ residual

    def theta(xi: Any) -> Any:
        return (cosines.T @ (spectrum * xi.reshape(n, n)) @ cosines).ravel()

    return phi, theta


def seconds_of_gradient(phi: Any, states: Any) -> float:
    """Processor time of potential and gradient, one state after another in compiled code.

    What NUTS does beside them, and compilation, is left out, in its favour.
    """
    some = states[:: max(1, len(states) // 100)]
    loop = jax.jit(lambda x: jax.lax.map(jax.value_and_grad(phi), x))
    jax.block_until_ready(loop(some))
    taken = []
    for _ in range(5):
        begin = time.process_time()
        jax.block_until_ready(loop(some))
        taken.append(time.process_time() - begin)
    return float(np.median(taken)) / len(some)


def run(data: Any, draws: int, warmup: int, seed: int, depth: int) -> tuple[dict[str, Any], Any]:
    """Potentials, then one chain."""
    phi, theta = potential(data)
    states = jnp.asarray(data["states"])
    both = jax.jit(jax.value_and_grad(phi))
    pairs = [both(x) for x in states]
    kernel = NUTS(
        potential_fn=lambda x: phi(x) + 0.5 * x @ x,
        max_tree_depth=depth,
        target_accept_prob=0.8,
    )
    chain = MCMC(kernel, num_warmup=warmup, num_samples=draws, progress_bar=False)
    key = jax.random.PRNGKey(seed)
    chain.warmup(key, init_params=states[0], extra_fields=FIELDS)
    chain.run(key, extra_fields=FIELDS)
    samples = chain.get_samples()
    extra = {name: np.asarray(value) for name, value in chain.get_extra_fields().items()}
    gradients = int(extra["num_steps"].sum())
    field = jax.jit(jax.vmap(lambda x: theta(x)[jnp.asarray(data["places"])]))(samples)
    misfit = extra["potential_energy"] - 0.5 * np.asarray((samples**2).sum(axis=1))
    about = {
        "version": f"NumPyro {numpyro.__version__}, JAX {jax.__version__}",
        "potential": [float(p) for p, _ in pairs],
        "gradient": [np.asarray(g).tolist() for _, g in pairs],
        "gradients": gradients,
        "acceptance": float(extra["accept_prob"].mean()),
        "step size": float(chain.last_state.adapt_state.step_size),
        "seconds": gradients * seconds_of_gradient(phi, samples),
    }
    return about, {"field": np.asarray(field), "potential": misfit}


def main() -> None:
    """Read, run, print."""
    parser = argparse.ArgumentParser(description="NumPyro's NUTS on a Schroedinger posterior.")
    parser.add_argument("problem")
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--warmup", type=int, default=500)
    parser.add_argument("--depth", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", default="draws.npz")
    options = parser.parse_args()
    with np.load(options.problem) as data:
        about, draws = run(dict(data), options.draws, options.warmup, options.seed, options.depth)
    np.savez(options.out, **draws)
    print(json.dumps(about))


if __name__ == "__main__":
    main()
