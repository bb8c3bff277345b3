"""What a word for a precision becomes, by hardware that this machine need not have."""

import ctypes
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from trawl.config.checks import PRECISIONS
from trawl.errors import ConfigError
from trawl.models import precision
from trawl.models.devices import check_compiler

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    precision._cpu_flags.cache_clear()
    precision.gpu_major.cache_clear()
    yield
    precision._cpu_flags.cache_clear()
    precision.gpu_major.cache_clear()


def machine(
    monkeypatch: pytest.MonkeyPatch, flags: str = "", major: int | None = None, kind: str = "x86_64"
) -> None:
    text = f"processor : 0\nflags\t\t: fpu {flags}\n\nprocessor : 1\nflags\t\t: fpu {flags}\n"
    monkeypatch.setattr(Path, "read_text", lambda self: text)
    monkeypatch.setattr(precision.platform, "machine", lambda: kind)
    monkeypatch.setattr(precision, "gpu_major", lambda: major)


@pytest.mark.parametrize(
    ("flags", "major", "device", "gpus", "expected"),
    [
        ("avx512_bf16", None, "auto", False, "bf16"),
        ("amx_bf16 amx_tile", None, "auto", False, "bf16"),
        ("avx2 avx512f", None, "auto", False, "fp32"),
        ("", 8, "auto", False, "bf16"),
        ("avx512_bf16", 7, "auto", False, "fp32"),
        ("", 9, "cpu", True, "fp32"),
        ("avx512_bf16", 7, "cpu", True, "bf16"),
        ("", None, "auto", True, "bf16"),
        ("", None, "cuda:1", False, "bf16"),
    ],
)
def test_auto(
    flags: str,
    major: int | None,
    device: str,
    gpus: bool,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine(monkeypatch, flags, major)
    assert precision.settle("auto", device, gpus) == expected
    for word in set(PRECISIONS) - {"auto"}:
        assert precision.settle(word, device, gpus) == word


def test_another_architectures_flags_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, "avx512_bf16", kind="aarch64")
    assert precision.settle("auto") == "fp32"


@pytest.mark.parametrize("word", ["bf16", "fp16", "int8", "fp32"])
def test_a_cpu_computes_what_it_has_and_fp32_for_the_rest(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(monkeypatch, "avx512_bf16 avx512_vnni")
    assert precision.computed(word, CPU) == ("fp32" if word == "fp16" else word)
    precision._cpu_flags.cache_clear()
    machine(monkeypatch)
    assert precision.computed(word, CPU) == "fp32"


@pytest.mark.parametrize(
    ("word", "capability", "expected"),
    [
        ("bf16", (8, 0), "bf16"),
        ("bf16", (7, 5), "fp32"),
        ("fp16", (7, 5), "fp16"),
        ("int8", (9, 0), "fp32"),
        ("fp32", (9, 0), "fp32"),
    ],
)
def test_a_gpu(
    word: str, capability: tuple[int, int], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert precision.computed(word, GPU) == expected


def test_a_gpus_generation_is_asked_of_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def attribute(out: object, name: int, handle: ctypes.c_int) -> int:
        assert name == 75, "the compute capability's major part"
        out._obj.value = 9  # type: ignore[attr-defined]
        return 0

    answers = {
        "cuInit": lambda flags: 0,
        "cuDeviceGet": lambda out, n: 0,
        "cuDeviceGetAttribute": attribute,
    }
    monkeypatch.setattr(precision.ctypes, "CDLL", lambda name: SimpleNamespace(**answers))
    assert precision.gpu_major() == 9
    precision.gpu_major.cache_clear()
    answers["cuInit"] = lambda flags: 100
    assert precision.gpu_major() is None


def test_no_driver_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(precision.ctypes, "CDLL", absent)
    assert precision.gpu_major() is None


def test_sixteen_bit_weights_give_what_autocast_gives() -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(
        torch.nn.Linear(64, 64), torch.nn.LayerNorm(64), torch.nn.Linear(64, 8)
    )
    x = torch.randn(5, 64)
    with torch.inference_mode(), precision.autocast(torch.bfloat16, CPU):
        cast = model(x)
        assert precision.lower(model, "bf16") == torch.bfloat16
        torch.testing.assert_close(model(x), cast, atol=0, rtol=0)
    assert model[0].weight.dtype == torch.bfloat16 and model[1].weight.dtype == torch.float32


@pytest.mark.parametrize(("gpu", "variable", "usual"), [(False, "CXX", "g++"), (True, "CC", "gcc")])
def test_a_compiler_is_looked_for_where_torch_would(
    gpu: bool, variable: str, usual: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(
        ConfigError,
        match=f"tracker.compile=true needs a compiler, and there is no {usual.replace('+', '.')} here",
    ):
        check_compiler("tracker.compile", gpu)
    for name in (usual, "other"):
        (tmp_path / name).touch(mode=0o755)
    check_compiler("tracker.compile", gpu)
    monkeypatch.setenv(variable, "other")
    check_compiler("tracker.compile", gpu)
    (tmp_path / "other").unlink()
    with pytest.raises(ConfigError, match=f"no other here.*{variable}"):
        check_compiler("tracker.compile", gpu)
