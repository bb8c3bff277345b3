"""Encodes what crosses the pipe from a decoding process: records of numpy arrays, as JSON and raw
bytes.

The sender may have been taken over by the file it decodes, so nothing is unpickled here: only the
records listed in `RECORDS`, arrays of the listed types, and sizes within bounds are read. Knows
nothing of processes.
"""

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trawl.records.tracking import ClipFrames
from trawl.records.video import DecodeReport, FrameBatch, Probe

# before each header and each job, and the form of the zygote's answers
LENGTH = struct.Struct("<I")
REAP = 0  # the length of job that asks for the last one's exit status instead
_MAXLENGTHER = 1 << 20
_MAX_ARRAY = 1 << 32  # bytes
_DTYPES = frozenset({"uint8", "bool", "int32", "int64", "float64"})

Read = Callable[[int], bytearray]  # exactly so many bytes, or WireError


class WireError(Exception):
    """The stream ended early or is not what a decoding process sends."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One thumbnail: pixels (H, W, 3) uint8 RGB and the time of the picture it shows."""

    pixels: NDArray[np.uint8]
    time_s: float


@dataclass(frozen=True, slots=True)
class Failure:
    """A VideoError on its way to the parent: a word of `records.Reason` and a message."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class End:
    """Nothing follows: the job is complete."""


Message = Probe | FrameBatch | DecodeReport | ClipFrames | Picture | Failure | End
RECORDS: dict[str, type[Any]] = {kind.__name__: kind for kind in Message.__args__}


def encode(message: Message) -> Iterator[bytes | memoryview]:
    """The chunks of bytes that say `message`."""
    arrays: list[NDArray[Any]] = []
    header = json.dumps(_pack(message, arrays)).encode()
    yield LENGTH.pack(len(header)) + header
    for array in arrays:
        yield np.ascontiguousarray(array).data.cast("B") if array.size else b""


def decode(read: Read) -> Message:
    """The next message of a stream.

    Raises:
        WireError: from `read`, or because the bytes are not a message.
    """
    (length,) = LENGTH.unpack(read(LENGTH.size))
    if length > _MAXLENGTHER:
        raise WireError(f"a header of {length} bytes")
    try:
        message = _unpack(json.loads(bytes(read(length))), read)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WireError(f"not a message: {error!r}") from error
    if not isinstance(message, Message):
        raise WireError(f"not a message: {type(message).__name__}")
    return message


def _pack(value: Any, arrays: list[NDArray[Any]]) -> Any:
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"dtype": value.dtype.name, "shape": value.shape}
    if is_dataclass(value):
        return {
            "record": type(value).__name__,
            "fields": {f.name: _pack(getattr(value, f.name), arrays) for f in fields(value)},
        }
    return {"value": value}


def _unpack(tree: dict[str, Any], read: Read) -> Any:
    if "record" in tree:
        return RECORDS[tree["record"]](
            **{name: _unpack(value, read) for name, value in tree["fields"].items()}
        )
    if "dtype" in tree:
        return _array(tree["dtype"], tree["shape"], read)
    value = tree["value"]
    if not isinstance(value, str | int | float):
        raise WireError(f"a value of type {type(value).__name__}")
    return value


def _array(dtype: str, shape: list[int], read: Read) -> NDArray[Any]:
    if dtype not in _DTYPES or not all(isinstance(side, int) and side >= 0 for side in shape):
        raise WireError(f"an array of {dtype} {shape}")
    size = np.dtype(dtype).itemsize
    for side in shape:
        size *= side
    if size > _MAX_ARRAY:
        raise WireError(f"an array of {size} bytes")
    return np.frombuffer(read(size), dtype).reshape(shape)
