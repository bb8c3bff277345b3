import json
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trawl.decode.wire import LENGTH, End, Failure, Picture, WireError, decode, encode
from trawl.records.video import DecodeReport, FrameBatch, Probe


def sent(message) -> bytes:
    return b"".join(bytes(chunk) for chunk in encode(message))


def received(data: bytes):
    stream = BytesIO(data)

    def read(size: int) -> bytearray:
        some = stream.read(size)
        if len(some) < size:
            raise WireError("short")
        return bytearray(some)

    return decode(read)


def probe(count: int) -> Probe:
    times = np.arange(count) / 7 + 5
    return Probe("mp4", "h264", 64, 48, 90, 7.0, float(count), times, times > 6)


def batch(count: int) -> FrameBatch:
    frames = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), np.uint8)
    index = np.arange(count, dtype=np.int64)
    return FrameBatch(frames, index, index / 3, index.astype(np.int32), index > 1)


def same(a, b) -> bool:
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b)
    if hasattr(a, "__dataclass_fields__"):
        return type(a) is type(b) and all(
            same(getattr(a, f), getattr(b, f)) for f in a.__dataclass_fields__
        )
    return a == b


MESSAGES = {
    "probe": probe(9),
    "probe of one frame": probe(1),
    "batch": batch(3),
    "empty batch": batch(0),
    "report": DecodeReport(probe(4), "pyav", 4, 2, 1, 'a "quoted"\nword é', 0.25, 61.5),
    "picture": Picture(np.zeros((2, 3, 3), np.uint8), 1 / 3),
    "failure": Failure("corrupt", "why"),
    "end": End(),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_arrives_as_it_was_sent(name):
    assert same(MESSAGES[name], received(sent(MESSAGES[name])))


def lie(tree) -> bytes:
    header = json.dumps(tree).encode()
    return LENGTH.pack(len(header)) + header


LIES = {
    "nothing": b"",
    "half a header": sent(End())[:6],
    "half an array": sent(batch(2))[:-5],
    "not json": LENGTH.pack(3) + b"abc",
    "a header of a gigabyte": LENGTH.pack(2**30),
    "an unknown record": lie({"record": "Popen", "fields": {}}),
    "unknown fields": lie({"record": "End", "fields": {"x": {"value": 1}}}),
    "missing fields": lie({"record": "Failure", "fields": {}}),
    "a bare value": lie({"value": 3}),
    "a list": lie([1]),
    "objects": lie({"dtype": "object", "shape": [1]}),
    "a huge array": lie({"dtype": "uint8", "shape": [2**40]}),
    "a negative array": lie({"dtype": "uint8", "shape": [-1]}),
    "a nested value": lie(
        {"record": "Failure", "fields": {"reason": {"value": {}}, "message": {"value": ""}}}
    ),
    "lengths that disagree": sent(batch(2)).replace(b'"shape": [2]', b'"shape": [1]'),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_refused(name):
    with pytest.raises(WireError):
        received(LIES[name])


@given(st.binary(max_size=200))
def test_noise_is_refused(data):
    with pytest.raises(WireError):
        received(LENGTH.pack(len(data)) + data)
