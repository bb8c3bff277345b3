"""Linear layers in 8-bit integers, quantised while they run ("dynamic"): no calibration, no data,
no training.

Weights get one scale per output, once; inputs one per row, when they come, so that a picture's
result does not depend on what else is in its batch. Sums are exact, in 32 bits. It is the scheme of
torchao's `Int8DynamicActivationInt8WeightConfig`, by the one product of torch that is not being
removed with `torch.ao.quantization` and its quantised tensors; those also scale a whole batch
alike, at twice the error. Convolutions, norms and attention proper stay as they are.
"""

import torch
from torch import Tensor, nn

_SMALLEST = 2**12  # weights; what is smaller costs nothing, and is often a score


class Int8Linear(nn.Module):
    """In place of an `nn.Linear`, for inference on a CPU.

    (..., in) float32 -> (..., out) float32.
    """

    weight_int8: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        """weight (out, in), bias (out,): float, as of an `nn.Linear`."""
        super().__init__()
        self.out_features, self.in_features = weight.shape
        weight = weight.detach().float()
        scale = weight.abs().amax(dim=1).clamp_min_(torch.finfo(torch.float32).tiny).div_(127)
        self.register_buffer("weight_int8", (weight / scale[:, None]).round_().to(torch.int8).t())
        self.register_buffer("scale", scale)
        self.register_buffer("bias", None if bias is None else bias.detach().float())

    @property
    def weight(self) -> Tensor:
        """(out, in) float32, for code that takes a layer's weights and not the layer."""
        return self.weight_int8.t().float() * self.scale[:, None]

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, self.in_features).float()
        scale = (
            rows.abs()
            .amax(dim=1, keepdim=True)
            .clamp_min_(torch.finfo(torch.float32).tiny)
            .div_(127)
        )
        product = torch._int_mm((rows / scale).round_().to(torch.int8), self.weight_int8)
        y = product.float().mul_(scale).mul_(self.scale)
        if self.bias is not None:
            y += self.bias
        return y.reshape(*x.shape[:-1], self.out_features)


def quantize(model: nn.Module) -> None:
    """Replace a model's linear layers, in place.

    Those that torch's own attention reads the weights of stay.
    """
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.Linear and layer.weight.numel() >= _SMALLEST:
                setattr(parent, name, Int8Linear(layer.weight, layer.bias))
