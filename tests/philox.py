"""The random numbers of the core, written once more in NumPy (Salmon et al., SC'11)."""

from __future__ import annotations

import numpy as np

Array = np.ndarray
START, PROPOSAL, ACCEPT, TRAJECTORY, DELAYED = 1, 2, 3, 5, 6  # what a stream is for


def philox(counter: Array, key: Array) -> Array:
    """Philox4x32-10 of counters (..., 4) under a key (2,)."""
    c = [counter[..., k].astype(np.uint64) for k in range(4)]
    k0, k1 = (int(k) for k in key)
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [
            (b >> np.uint64(32)) ^ c[1] ^ np.uint64(k0),
            b & low,
            (a >> np.uint64(32)) ^ c[3] ^ np.uint64(k1),
            a & low,
        ]
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return np.stack(c, axis=-1)


def words(seed: int, chain: int, step: int, stream: int, blocks: int) -> Array:
    """(blocks, 2) numbers of 64 bits; a counter is (block, step, step's rest and stream, chain)."""
    counter = np.zeros((blocks, 4), dtype=np.uint64)
    counter[:, 0] = np.arange(blocks)
    counter[:, 1] = step % 2**32
    counter[:, 2] = ((step >> 32) << 8) % 2**32 | stream
    counter[:, 3] = chain
    c = philox(counter, np.array([seed % 2**32, seed >> 32], dtype=np.uint64))
    return c[:, ::2] << np.uint64(32) | c[:, 1::2]


def normals(seed: int, chain: int, step: int, count: int, stream: int = PROPOSAL) -> Array:
    """(count,): Box-Muller, the radius from the top 40 bits, the angle from the low 24."""
    bits = words(seed, chain, step, stream, -(-count // 4)).ravel()
    u = ((bits >> np.uint64(24)).astype(float) + 0.5) / 2.0**40
    v = ((bits & np.uint64(2**24 - 1)).astype(float) + 0.5) / 2.0**24
    radius, angle = np.sqrt(-2.0 * np.log(u)), 2.0 * np.pi * v - np.pi / 4
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()[:count]


def uniform(seed: int, chain: int, step: int, stream: int = ACCEPT) -> float:
    """The number that decides acceptance: the top 52 bits of the first word."""
    bits = int(words(seed, chain, step, stream, 1)[0, 0])
    return ((bits >> 12) + 0.5) / 2.0**52
