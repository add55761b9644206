"""Pack arrays for a page into one small binary, which ``assets/figure.js`` unpacks."""

import json
from typing import Any

import numpy as np

KINDS = ("int16", "uint8", "uint16", "uint32")
"""Types of arrays that the page can read."""


def pack(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> bytes:
    """Facts and arrays as one binary.

    Layout: length of the head (uint32, little-endian); the head as JSON in UTF-8, padded with spaces so that
    what follows starts at a multiple of four; then the arrays, each padded in the same way. The head has
    ``facts`` and, for each array, its type, where it starts in the whole, and how many numbers it has.

    Args:
        facts: JSON-serialisable; NaN becomes null.
        arrays: of one of ``KINDS``; shapes are not kept.
    """
    blocks, places, length = [], {}, 0
    for name, array in arrays.items():
        if array.dtype.name not in KINDS:
            raise TypeError(f"{name}: {array.dtype} is none of {KINDS}")
        block = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
        places[name] = {"type": array.dtype.name, "start": length, "count": array.size}
        blocks.append(block + b"\0" * (-len(block) % 4))
        length += len(blocks[-1])
    head = json.dumps(
        {"facts": _without_nan(facts), "arrays": places}, ensure_ascii=False, allow_nan=False
    ).encode()
    head += b" " * (-len(head) % 4)
    return b"".join([np.uint32(len(head)).astype("<u4").tobytes(), head, *blocks])


def quantise(positions: dict[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
    """Positions as whole numbers of one common unit, which need half the space.

    Args:
        positions: (..., 3) float metres each, near the origin.

    Returns:
        unit: metres; with bodies two metres tall some 0.05 mm.
        quantised: int16 arrays of the same shapes.
    """
    reach = max((float(np.abs(array).max()) for array in positions.values() if array.size), default=0.0)
    unit = max(reach, 1e-6) / 32767
    return unit, {name: np.round(array / unit).astype(np.int16) for name, array in positions.items()}


def shares(values: np.ndarray, top: float = 1.0) -> np.ndarray:
    """Values between 0 and ``top`` as uint8; values outside are clipped."""
    return np.round(255 * np.clip(np.nan_to_num(values / top, nan=0.0), 0, 1)).astype(np.uint8)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
