"""The bound of unadjusted Langevin, and the step size and number of steps that make it small.

Source: R. Nickl, S. Wang, J. Eur. Math. Soc. 26 (2024), section 3, after A. Durmus, E. Moulines,
Bernoulli 25 (2019).
"""

from __future__ import annotations

import math


def wasserstein_bound(
    m: float, lipschitz: float, gamma: float, steps: int, *, dimension: int, distance: float
) -> float:
    """Return the bound of W_2 after k steps, not squared."""
    # an int beyond all floats is as good as infinity
    decay = math.exp(float(min(steps, 10**300)) * math.log1p(-m * gamma / 2))
    start = 2 * decay * (distance**2 + dimension / m)
    return math.sqrt(start + bias_bound(m, lipschitz, gamma, dimension) / 2)


def bias_bound(m: float, lipschitz: float, gamma: float, dimension: int) -> float:
    """Return b(gamma)."""
    first = gamma * dimension * lipschitz**2 / m**2
    return 36 * (first + gamma**2 * dimension * lipschitz**4 / m**3)


def plan_steps(
    m: float,
    lipschitz: float,
    dimension: int,
    distance: float,
    spread: float,
    precision: float | None,
    step_size: float | None,
) -> tuple[float, int, float]:
    """Step size, number of steps, and the precision reached."""
    largest = 2 / (m + lipschitz)
    if precision is not None and not 0 < precision * precision < math.inf:
        raise ValueError(f"precision must have a square that is not 0 or infinite, got {precision}")
    if step_size is None:
        precision = spread / 2 if precision is None else precision
        # b(gamma) = precision^2, in gamma Lambda^2/m: x + x^2 = c, without cancellation
        c = precision**2 * m / (36 * dimension)
        gamma = 2 * c / (1 + math.sqrt(1 + 4 * c)) * m / lipschitz**2
        gamma = min(gamma, largest)
    else:
        gamma = step_size
        if gamma > largest:
            raise ValueError(
                f"step_size must be at most 2/(m + Lambda) = {largest:.4g}, got {gamma}"
            )
    bias = bias_bound(m, lipschitz, gamma, dimension) / 2
    if precision is None:  # what the start leaves is to be the same as by default
        precision = math.sqrt(bias + spread**2 / 8)
    if bias >= precision**2:
        raise ValueError(
            f"step_size must be smaller for a precision of {precision:.4g}, got {gamma}: its bias "
            f"alone is bounded by {math.sqrt(bias):.4g}"
        )
    start = 2 * (distance**2 + dimension / m)
    wanted = math.log((precision**2 - bias) / start)
    decay = math.log1p(-m * gamma / 2)
    steps = wanted / decay if decay else math.inf
    if math.isinf(steps):
        raise ValueError(f"step_size must be larger, got {gamma}: no number of steps would do")
    return gamma, max(0, math.ceil(steps)), precision
