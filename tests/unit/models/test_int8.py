"""Linear layers in 8-bit integers: near the real ones, row by row, and only where they are linear
layers.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from trawl.models.int8 import Int8Linear, quantize


@pytest.fixture(scope="module")
def layer() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(96, 64).requires_grad_(False)


@pytest.mark.parametrize("shape", [(7, 96), (96,), (2, 3, 5, 96), (0, 96), (1, 96)])
def test_the_same_shape_to_within_two_in_a_hundred(
    layer: nn.Linear, shape: tuple[int, ...]
) -> None:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    got, exact = Int8Linear(layer.weight, layer.bias)(x), layer(x)
    assert got.shape == exact.shape and got.dtype == torch.float32
    if got.numel():
        error = (got - exact).norm() / exact.norm()
        assert 1e-4 < error < 0.02, "0 would mean that nothing is rounded"


@settings(max_examples=30, deadline=None)
@given(factor=st.floats(1e-6, 1e6), others=st.integers(0, 9), zero=st.booleans())
def test_a_row_depends_on_no_other_row_and_scales_with_its_input(
    factor: float, others: int, zero: bool
) -> None:
    generator = torch.Generator().manual_seed(2)
    quantized = Int8Linear(torch.randn(8, 96, generator=generator), None)
    row = torch.zeros(1, 96) if zero else torch.randn(1, 96, generator=generator)
    alone = quantized(row)
    among = quantized(torch.cat([row, 1000 * torch.randn(others, 96, generator=generator)]))[:1]
    assert torch.equal(alone, among)
    # A factor may move a value over the edge between two integers, by the last digit of its
    # division.
    torch.testing.assert_close(
        quantized(row * factor), alone * factor, rtol=0.02, atol=0.02 * factor
    )


def test_integers_are_exact() -> None:
    weight = torch.tensor([[127.0, -3, 0, 8], [1, 2, -127, 5]])
    x = torch.tensor([[127.0, 4, -9, 0]])
    torch.testing.assert_close(
        Int8Linear(weight, torch.tensor([1.0, -1.0]))(x), x @ weight.T + torch.tensor([1.0, -1])
    )


def test_rows_of_zeros_in_the_weights_give_the_bias() -> None:
    got = Int8Linear(torch.zeros(3, 16), torch.tensor([1.0, 2, 3]))(torch.randn(2, 16))
    torch.testing.assert_close(got, torch.tensor([[1.0, 2, 3]]).expand(2, 3))


def test_what_is_not_a_number_stays_visible(layer: nn.Linear) -> None:
    x = torch.ones(2, 96)
    x[0, 3] = float("nan")
    got = Int8Linear(layer.weight, layer.bias)(x)
    assert got[0].isnan().all() and got[1].isfinite().all()


def test_its_weights_can_be_read_as_floats(layer: nn.Linear) -> None:
    read = Int8Linear(layer.weight, layer.bias).weight
    assert (read - layer.weight).abs().max() <= layer.weight.abs().max() / 127 / 2 * 1.001


def test_a_model_keeps_its_small_layers_convolutions_and_torchs_attention() -> None:
    model = nn.ModuleDict(
        {
            "large": nn.Linear(64, 64),
            "small": nn.Linear(64, 4),
            "conv": nn.Conv2d(64, 64, 1),
            "attention": nn.MultiheadAttention(64, 4, batch_first=True),
            "inner": nn.Sequential(nn.Linear(64, 128), nn.GELU()),
        }
    )
    quantize(model)
    names = {name for name, part in model.named_modules() if isinstance(part, Int8Linear)}
    assert names == {"large", "inner.0"}
    x = torch.randn(2, 3, 64)
    assert model["attention"](x, x, x)[0].shape == x.shape
