"""The fast transforms over lanes, beside scipy.fft."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from m4dl import _core
from scipy import fft

Array = np.ndarray
# Rader's convolution is worth it for the primes 97, 127, 257 (and as factors: 254), not for 83.
LENGTHS = [*range(1, 41), 64, 65, 83, 97, 100, 127, 128, 129, 243, 254, 257, 500, 511]
BASES = ["dct1", "dct2", "dst1"]
LANES = 8


def transform(basis: str, x: Array, axis: int = 1, values: bool = False, threads: int = 1) -> Array:
    """``x``: (lanes, *shape); ``axis`` counts the lanes."""
    outer, n = int(np.prod(x.shape[1:axis])), x.shape[axis]
    inner = int(np.prod(x.shape[axis + 1 :]))
    flat = x.reshape(len(x), -1)
    out = _core.line_transform(
        flat, basis=basis, to_values=values, outer=outer, n=n, inner=inner, threads=threads
    )
    return np.asarray(out).reshape(x.shape)


def expected(basis: str, x: Array, axis: int = 1) -> Array:
    if basis == "dct1" and x.shape[axis] == 1:  # scipy has none
        return x
    one = fft.dct if basis.startswith("dct") else fft.dst
    return np.asarray(one(x, type=int(basis[-1]), axis=axis, norm="ortho"))


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("n", LENGTHS)
def test_a_line(basis: str, n: int) -> None:
    """Against scipy, the inverse, and the transpose: relative to the largest entry."""
    x, y = np.random.default_rng(n).standard_normal((2, LANES, n))
    out = transform(basis, x)
    np.testing.assert_allclose(out, expected(basis, x), rtol=0, atol=1e-13 * np.abs(out).max())
    back = transform(basis, out, values=True)
    np.testing.assert_allclose(back, x, rtol=0, atol=1e-13 * np.abs(x).max())
    adjoint = transform(basis, y, values=True)
    scale = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
    assert (np.abs((out * y).sum(1) - (x * adjoint).sum(1)) <= 1e-13 * scale).all()


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("shape", [(5, 6), (1, 7), (7, 1), (3, 5, 7), (4, 5, 6), (16, 9, 3)])
def test_axes(basis: str, shape: tuple[int, ...]) -> None:
    """Every axis of a field, in pairs of lines that may leave one over."""
    x = np.random.default_rng(len(shape)).standard_normal((LANES, *shape))
    for axis in range(1, x.ndim):
        out = transform(basis, x, axis)
        np.testing.assert_allclose(out, expected(basis, x, axis), rtol=0, atol=1e-13 * 5.0)


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("axis", [1, 2])
def test_threads_inside_give_the_same_bits(basis: str, axis: int) -> None:
    x = np.random.default_rng(1).standard_normal((3, 150, 131))
    one = transform(basis, x, axis)
    for threads in (2, 3, 40):
        np.testing.assert_array_equal(transform(basis, x, axis, threads=threads), one)


def test_lanes_are_equal() -> None:
    x = np.tile(np.random.default_rng(2).standard_normal((1, 60, 7)), (LANES, 1, 1))
    out = transform("dct2", x)
    np.testing.assert_array_equal(out, np.tile(out[:1], (LANES, 1, 1)))


SCRIPT = """
import hashlib
import numpy as np
from m4dl import _core
digest = hashlib.sha256()
for n in (1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 30, 31, 44, 60, 64, 83, 91, 127, 128):
    x = np.random.default_rng(n).standard_normal((8, 3 * n * 5))
    for basis in ("dct1", "dct2", "dst1"):
        for values in (False, True):
            how = {"basis": basis, "to_values": values, "outer": 3, "n": n, "inner": 5}
            out = _core.line_transform(x, **how)
            digest.update(np.asarray(out).tobytes())
print(_core.build_info()["isa"], digest.hexdigest())
"""


def test_instruction_sets_agree() -> None:
    digests = {}
    for isa in ("baseline", "avx2", "avx512"):
        command = [sys.executable, "-c", SCRIPT]
        environment = os.environ | {"M4DL_ISA": isa}
        name, value = subprocess.check_output(command, env=environment, text=True).split()
        digests[name] = value
    assert "baseline" in digests  # narrower ones than the processor's can always be asked for
    assert len(set(digests.values())) == 1, digests
