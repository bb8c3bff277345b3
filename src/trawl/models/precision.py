"""In which numbers a model computes: a word of the settings to what hardware has, and a model made
to compute so.

    fp32    as the weights are published
    bf16    matrix products in bfloat16, the rest in fp32: twice as fast where the hardware has it
    fp16    the same in half precision: for GPUs before Ampere
    int8    matrix products of linear layers in 8-bit integers (`int8.py`): for CPUs with VNNI
    auto    bf16 where the hardware has it, else fp32

`settle` ends "auto" on the driver, once, so that a recipe and all machines of a cluster have one
word. `computed` says what a machine makes of that word: where its hardware lacks it, fp32, which is
nearer to the truth than what was asked for and quicker than having it emulated. docs/precision.md
has the measurements.
"""

import ctypes
import platform
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

# What auto may have been when an index was made.
AUTOMATIC = ("bf16", "fp32")

# Of an x86-64 CPU, any one of them.
_FLAGS = {
    "bf16": {"avx512_bf16", "amx_bf16"},
    "fp16": {"avx512_fp16", "amx_fp16"},
    "int8": {"avx512_vnni", "avx_vnni", "amx_int8"},
}
_AMPERE = 8  # the major compute capability that brought bf16
_CU_MAJOR = 75  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR


def settle(word: str, device: str = "auto", gpus: bool = False) -> str:
    """Resolve "auto" for a model on this machine or on a cluster; return any other word as it is.

    Imports no torch.

    Args:
        word: one of `config.PRECISIONS`.
        device: as in the settings: "auto", "cpu", "cuda" or "cuda:<n>".
        gpus: the model will run on a cluster's GPUs, whatever this machine has. They are taken to
            have bf16; one that has not computes in fp32.
    """
    if word != "auto":
        return word
    if not on_gpu(device, gpus):
        return "bf16" if cpu_has("bf16") else "fp32"
    major = None if gpus or device != "auto" else gpu_major()
    return "bf16" if major is None or major >= _AMPERE else "fp32"


def on_gpu(device: str, gpus: bool) -> bool:
    """Whether a model will run on a GPU, as far as the driver can know; arguments as in `settle`."""
    return device != "cpu" and (gpus or device.startswith("cuda") or gpu_major() is not None)


def computed(word: str, device: "torch.device") -> str:
    """Return the precision that a device of this machine computes for the settled `word`: that, or
    fp32.
    """
    if word == "fp32" or device.type == "cpu":
        return word if word == "fp32" or cpu_has(word) else "fp32"
    if word == "bf16":
        import torch

        return word if torch.cuda.get_device_capability(device)[0] >= _AMPERE else "fp32"
    return word if word == "fp16" else "fp32"


def cpu_has(word: str) -> bool:
    """Whether this machine's CPU computes "bf16", "fp16" or "int8" by itself."""
    return bool(_FLAGS[word] & _cpu_flags())


@cache
def _cpu_flags() -> frozenset[str]:
    """Linux's names of what an x86-64 CPU can do; nothing of any other."""
    file = Path("/proc/cpuinfo")
    if platform.machine() != "x86_64" or not file.exists():
        return frozenset()
    lines = (line for line in file.read_text().splitlines() if line.startswith("flags"))
    return frozenset(next(lines, "").partition(":")[2].split())


@cache
def gpu_major() -> int | None:
    """The major compute capability of the first GPU that CUDA shows this process, None where it
    shows none.
    """
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    handle, major = ctypes.c_int(), ctypes.c_int()
    if cuda.cuInit(0) or cuda.cuDeviceGet(ctypes.byref(handle), 0):
        return None
    failed = cuda.cuDeviceGetAttribute(ctypes.byref(major), _CU_MAJOR, handle)
    return None if failed else major.value


def lower(model: Any, word: str) -> "torch.dtype | None":
    """Make a model compute as `computed` said, in place.

    Returns the dtype for `autocast`, None for none.

    Layers that autocast computes in a 16-bit dtype are stored in it: the same numbers come out, at
    half the memory and without a cast of the weights for every batch, which on a CPU took six times
    the rest.
    """
    import torch
    from torch import nn

    if word == "int8":
        from trawl.models.int8 import quantize

        quantize(model)
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(word)
    if dtype is not None:
        layers = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.MultiheadAttention)
        for module in model.modules():
            if isinstance(module, layers):
                for weight in module.parameters(recurse=False):
                    weight.data = weight.data.to(dtype)
    return dtype


def autocast(dtype: "torch.dtype | None", device: "torch.device") -> AbstractContextManager[Any]:
    """The context in which a lowered model computes."""
    import torch

    return nullcontext() if dtype is None else torch.autocast(device.type, dtype=dtype)
