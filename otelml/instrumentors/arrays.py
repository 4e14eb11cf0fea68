"""Rows and outputs of any library as what the rest of otelml reads: NumPy's arrays, or a shape.

What is on a GPU, or anywhere else than in this process's memory, is never copied from there: it
has its shape and no values. Nothing here waits for a device. No library is imported.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from otelml import _guard

_READ_AS_THEY_ARE = frozenset(("builtins", "numpy", "pandas", "polars", "scipy"))


class Shape:
    """Stands for an array whose values are out of reach.

    Args:
        of: The array.
        shape: Its shape, rows first.
    """

    __slots__ = ("_of", "shape")
    size = 0  # nothing to compare

    def __init__(self, of: Any, shape: tuple[int, ...]) -> None:
        self.shape = shape
        try:
            self._of: Callable[[], Any] = weakref.ref(of)
        except TypeError:
            self._of = lambda: None

    def equals(self, other: Any) -> bool:
        """Whether another one stands for the same array."""
        mine = self._of()
        return mine is not None and isinstance(other, Shape) and other._of() is mine  # noqa: SLF001 - its own kind


def readable(data: Any) -> Any:
    """Return what can be read of rows or of an output.

    Args:
        data: An array, a frame, a tensor, a list, or anything else.

    Returns:
        ``data`` itself where it can be read as it is; an array that shares the memory of a tensor
        of the CPU's; else a :class:`Shape`, or None where there is not even that.
    """
    package = type(data).__module__.partition(".")[0]
    if package in _READ_AS_THEY_ARE:
        return data
    read = _READERS.get(package)
    found = _guard.quietly(read, data) if read is not None else None
    return shape_of(data) if found is None else found


def shape_of(data: Any) -> Shape | None:
    """Return the shape of what cannot be read; None where it has none."""
    shape = _guard.quietly(_shape, data)
    return None if shape is None else Shape(data, shape)


def _shape(data: Any) -> tuple[int, ...] | None:
    shape = getattr(data, "shape", None)
    if shape is None or callable(shape):
        return None
    return tuple(int(size) for size in shape)


def _torch(tensor: Any) -> Any:
    if tensor.device.type != "cpu" or str(tensor.layout) != "torch.strided":
        return None
    tensor = tensor.detach()
    return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()


def _tensorflow(tensor: Any) -> Any:
    return tensor.numpy() if "CPU" in tensor.device else None


def _jax(array: Any) -> Any:
    on_cpu = all(device.platform == "cpu" for device in array.devices())
    return np.asarray(array) if on_cpu else None


def _onnxruntime(value: Any) -> Any:
    if not value.is_tensor():
        return None
    if value.device_name().lower() == "cpu":
        return value.numpy()
    return Shape(value, tuple(value.shape()))


def _arrow(table: Any) -> Any:
    return table.to_pandas() if hasattr(table, "column_names") else None


_READERS: dict[str, Callable[[Any], Any]] = {
    "torch": _torch,
    "tensorflow": _tensorflow,
    "jax": _jax,
    "jaxlib": _jax,
    "onnxruntime": _onnxruntime,
    "pyarrow": _arrow,
}
