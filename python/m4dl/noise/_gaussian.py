"""Independent Gaussian noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .._base.fixed import Fixed
from .._base.validate import Array, array, integer


class GaussianNoise(Fixed):
    """Independent Gaussian noise: y_i = G(theta)_i + eps_i, eps_i ~ N(0, std_i^2).

    Parameters
    ----------
    std : float or array_like, (m,)
        Standard deviation, in the units of the data: one number, or one per datum.
    """

    def __init__(self, std: float | ArrayLike):
        self.std = array("std", std)
        if self.std.ndim > 1:
            raise ValueError(f"std must be a number or a vector, got shape {self.std.shape}")
        if not self.std.size:
            raise ValueError("std must hold at least one number, got none")
        if not (self.std > 0).all():
            raise ValueError(f"std must be positive, got {self.std[self.std <= 0].flat[0]}")

    def expand(self, size: int) -> Array:
        """Standard deviations of ``size`` data, (size,)."""
        size = integer("size", size, 1)
        if self.std.ndim == 1 and self.std.size != size:
            raise ValueError(f"std must be a number or have shape ({size},), got {self.std.shape}")
        return np.broadcast_to(self.std, (size,)).copy()

    def __repr__(self) -> str:
        text = f"{float(self.std):g}" if self.std.ndim == 0 else f"<{self.std.size} values>"
        return f"GaussianNoise({text})"
