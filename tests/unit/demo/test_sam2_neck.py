"""The neck's norm is sam2's own in other steps, and keeps every level at the scale of the
positional encodings.
"""

import torch
from sam2.modeling.sam2_utils import LayerNorm2d

from trawl.demo import sam2
from trawl.demo.sam2_neck import ChannelNorm
from trawl.models.sam2.build import build


def test_norm_is_sam2s():
    torch.manual_seed(0)
    mine, theirs = ChannelNorm(12), LayerNorm2d(12)
    with torch.no_grad():
        mine.weight.uniform_(0.5, 2)
        mine.bias.uniform_(-1, 1)
    theirs.load_state_dict(mine.state_dict())
    x = torch.randn(2, 12, 5, 7) * 3 + 1
    assert torch.allclose(mine(x), theirs(x), atol=1e-5)


def test_levels_stay_at_the_scale_of_positions():
    torch.manual_seed(0)
    encoder = build(sam2.config_path()).image_encoder
    for block in encoder.trunk.blocks:  # as training may make them
        torch.nn.init.constant_(block.mlp.layers[-1].bias, 30.0)
    with torch.inference_mode():
        levels = encoder(torch.randn(1, 3, 128, 128))["backbone_fpn"]
    assert all(0.5 < float(level.std()) < 2 for level in levels)
