"""The first weights look where a prompt points, see every object as present, and leave nothing
unset.
"""

import pytest
import torch

from training.sam2_start import prime
from trawl.demo import sam2
from trawl.models.sam2.build import build


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(1)
    model = build(sam2.config_path())
    prime(model)
    return model


def _where_a_click_looks(model, x: float, y: float) -> tuple[int, int]:
    """Row and column of the grid that a click's token is most like, by queries and keys of the last
    crossing.
    """
    point = torch.tensor([[[x, y]]])
    sparse, _ = model.sam_prompt_encoder((point, torch.ones(1, 1, dtype=torch.int32)), None, None)
    places = model.sam_prompt_encoder.get_dense_pe()[0].flatten(1).T
    crossing = model.sam_mask_decoder.transformer.final_attn_token_to_image
    likeness = crossing.q_proj(sparse[0, :1]) @ crossing.k_proj(places).T
    return divmod(int(likeness.argmax()), 8)


@torch.inference_mode()
def test_a_click_looks_at_its_own_place(model):
    near = []
    for x in range(8, 128, 16):
        for y in range(8, 128, 16):
            row, column = _where_a_click_looks(model, x, y)
            near.append(max(abs(row - y // 16), abs(column - x // 16)) <= 1)
    assert sum(near) > 0.9 * len(near)


@torch.inference_mode()
def test_sam2s_own_first_weights_do_not():
    torch.manual_seed(1)
    plain = build(sam2.config_path())
    hits = [
        _where_a_click_looks(plain, x, y) == (y // 16, x // 16)
        for x in (24, 72, 104)
        for y in (24, 72, 104)
    ]
    assert sum(hits) < 5


@torch.inference_mode()
def test_objects_count_as_present(model):
    head = model.sam_mask_decoder.pred_obj_score_head
    assert (head(torch.randn(64, 96)) > 1).all()
