"""Values that no argument, or hardly any, should be: drawn by hypothesis in place of right ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp


class Hostile:
    """An object whose every conversion raises, its own name included."""

    def _raise(self, *_: Any) -> Any:
        raise RuntimeError("hostile")

    __array__ = __float__ = __int__ = __index__ = __len__ = __iter__ = __repr__ = __str__ = _raise


class Liar:
    """Says that it has three entries and a shape."""

    shape = (3,)
    ndim = 1

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: Any) -> Any:
        raise IndexError(index)


def broken() -> Any:
    """A sparse matrix whose row pointers lead nowhere."""
    out = sp.csr_array(np.eye(4))
    out.indptr[2] = 10**7
    return out


# By name, so that a failure can be repeated. None of these is right anywhere, unless the registry
# of calls says so.
WRONG: dict[str, Any] = {
    "string": lambda: "x",
    "bytes": lambda: b"x",
    "complex": lambda: 1j,
    "nan": lambda: float("nan"),
    "object": lambda: object(),
    "hostile": Hostile,
    "liar": Liar,
    "class": lambda: int,
    "nan array": lambda: np.array([np.nan, 1.0, 2.0, 3.0]),
    "complex array": lambda: np.ones(4) * 1j,
    "object array": lambda: np.array([None, "a", 1.0, {}], dtype=object),
    "string array": lambda: np.array(["1", "2", "3", "4"]),
    "masked array": lambda: np.ma.masked_greater(np.arange(4.0), 1.0),
    "ragged": lambda: [[1.0], [1.0, 2.0]],
    "dates": lambda: np.array(["2026-01-01"] * 4, dtype="datetime64[D]"),
    "records": lambda: np.zeros(4, dtype=[("a", float)]),
    "set": lambda: {1.0, 2.0},
    "generator": lambda: (x for x in "abc"),
    "broken sparse": broken,
    "sparse vector": lambda: sp.coo_array([1.0, 0.0, 2.0]),
    "module": lambda: np,
}

# Right in some places, or out of range: may be taken or refused, but in the package's own words.
DOUBTFUL: dict[str, Any] = {
    "none": lambda: None,
    "true": lambda: True,
    "numpy true": lambda: np.True_,
    "minus one": lambda: -1,
    "zero": lambda: 0,
    "one": lambda: 1,
    "three": lambda: 3,
    "half": lambda: 0.5,
    "2.5": lambda: 2.5,
    "numpy integer": lambda: np.int8(2),
    "integer float": lambda: 4.0,
    "inf": lambda: float("inf"),
    "2**31": lambda: 2**31,
    "2**63": lambda: 2**63,
    "2**64": lambda: 2**64,
    "10**30": lambda: 10**30,
    "10**5000": lambda: 10**5000,
    "tiny": lambda: 1e-320,
    "huge": lambda: 1e308,
    "minus huge": lambda: -1e308,
    "empty string": lambda: "",
    "long string": lambda: "y" * 10_000,
    "list": lambda: [],
    "dict": lambda: {},
    "tuple": lambda: (),
    "ones": lambda: np.ones(4),
    "huge array": lambda: np.full(4, 1e308),
    "inf array": lambda: np.array([np.inf, 1.0, 2.0, 3.0]),
    "bool array": lambda: np.array([True, False, True, True]),
    "empty array": lambda: np.zeros(0),
    "scalar array": lambda: np.array(1.0),
    "no rows": lambda: np.zeros((0, 4)),
    "matrix": lambda: np.ones((3, 4)),
    "wide": lambda: np.ones((2, 10_000)),
    "deep": lambda: np.ones((1,) * 20),
    "integers": lambda: np.arange(4),
    "bytes of integers": lambda: np.arange(4, dtype=np.int8),
    "backwards": lambda: np.arange(8.0)[::-2],
    "columns first": lambda: np.asfortranarray(np.ones((4, 4))),
    "big-endian": lambda: np.ones(4, dtype=">f8"),
    "half precision": lambda: np.ones(4, dtype=np.float16),
    "one for all": lambda: np.broadcast_to(1.0, (10_000, 4)),
    "function": lambda: lambda x: x,
    "function of nothing": lambda: lambda: 1.0,
    "function that returns none": lambda: lambda *x: None,
    "function that returns text": lambda: lambda *x: "abc",
    "function that returns nan": lambda: lambda x: np.full(len(x), np.nan),
    "function that returns a number": lambda: lambda *x: 1.0,
    "sparse": lambda: sp.eye_array(4, format="csr"),
}

VALUES = {**WRONG, **DOUBTFUL}
