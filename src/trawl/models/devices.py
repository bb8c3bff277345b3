"""A device's name in the settings to torch's, and what compiling for one takes."""

import os
import shutil
from typing import TYPE_CHECKING

from trawl.errors import ConfigError

if TYPE_CHECKING:
    import torch


def device_of(name: str) -> "torch.device":
    """ "auto" (a GPU where there is one), "cpu", "cuda" or "cuda:<n>" to torch's device.

    Raises:
        ConfigError: there is no such device here.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(f"device={name} is unknown: use auto, cpu, cuda or cuda:<n>") from None
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device={name} does not exist here: torch sees {torch.cuda.device_count()} GPUs; use auto or cpu"
        )
    return device


def on_gpu(name: str) -> bool:
    """Whether models on the device of this name run on a GPU.

    Without looking further where the name says it.
    """
    return name != "cpu" and device_of(name).type == "cuda"


def gpu_peak_mb() -> float:
    """The most memory, in MiB, that torch's tensors took on any of this process's GPUs so far; 0
    where it used none.
    """
    import torch

    if not torch.cuda.is_available():
        return 0.0
    return (
        max(torch.cuda.max_memory_allocated(index) for index in range(torch.cuda.device_count()))
        / 2**20
    )


def check_compiler(setting: str, gpu: bool) -> None:
    """Whether torch.compile can work: it writes C++ for a CPU, and for a GPU Triton, whose
    launchers are C.

    Asked on the driver, where it is one line, and once more where the model is made. Imports no
    torch.

    Args:
        setting: the name of the setting that asks for it.
        gpu: whether the model will run on a GPU.

    Raises:
        ConfigError: there is no compiler for it.
    """
    variable, usual = ("CC", ["gcc", "clang", "cc"]) if gpu else ("CXX", ["g++"])
    wanted = os.environ.get(variable)
    if not any(shutil.which(name) for name in ([wanted] if wanted else usual)):
        raise ConfigError(
            f"{setting}=true needs a compiler, and there is no {wanted or usual[0]} here: install one, name it in "
            f"{variable}, or set {setting}=false"
        )
