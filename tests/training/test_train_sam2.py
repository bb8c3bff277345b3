"""Training in small: both stages learn something, go on where they were interrupted, and write what
was learned.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from training.clips import draw_lesson
from training.sam2_start import prime
from training.train_sam2 import Plan, Stage, learn_clips, look, normalised, train
from trawl.demo import sam2
from trawl.models.sam2.build import build

PICTURES = Stage(12, clips=0, frames=0, pictures=4, rate=2e-3, steepest=1.0, average=0.5)
CLIPS = Stage(
    2, clips=2, frames=3, pictures=0, rate=4e-4, steepest=0.4, average=0.5, sparse_until=1
)
BOTH = Stage(2, clips=2, frames=3, pictures=2, rate=4e-4, steepest=0.4, average=0.5, first=100)
PLAN = Plan(pictures=PICTURES, clips=CLIPS, both=BOTH)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")

    def keep(model):
        sam2.save(model.state_dict(), folder / "w.safetensors")

    model, losses = train(PLAN, keep, state=folder / "s", ahead=False)
    return model, losses, folder


def test_loss_falls(trained):
    _, losses, _ = trained
    assert len(losses) == 16
    assert np.mean(losses[9:12]) < np.mean(losses[:3]) - 0.5


def test_what_is_written_is_what_was_learned(trained):
    model, _, folder = trained
    written = sam2.load_state_dict(folder / "w.safetensors")
    build(sam2.config_path()).load_state_dict(written, strict=True)
    for name, tensor in model.state_dict().items():
        assert torch.allclose(written[name], tensor, atol=2e-3, rtol=2e-3), name


def test_goes_on_from_where_it_was(trained):
    _, _, folder = trained
    longer = replace(PLAN, both=replace(BOTH, steps=3))
    assert len(train(longer, state=folder / "s", ahead=False)[1]) == 1


def test_same_seed_same_losses_whoever_draws():
    short = replace(
        PLAN,
        pictures=replace(PICTURES, steps=2),
        clips=replace(CLIPS, steps=0),
        both=replace(BOTH, steps=1),
    )
    assert train(short, ahead=True)[1] == pytest.approx(train(short, ahead=False)[1], rel=1e-3)


def test_every_part_of_the_model_learns_from_clips():
    model = build(sam2.config_path()).train()
    prime(model)  # without it every object counts as out of sight, and its mask as unknown
    for step in range(4):  # prompted by box, mask or click
        learn_clips(
            model, draw_lesson(0, step, 2, 3, model.image_size), step, seed=0
        ).loss.backward()
    idle = {
        name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0
    }
    # these serve prompts and disappearances that four small lessons need not hold
    rare = ("sam_prompt_encoder.", "no_mem_pos_enc", "no_obj_embed_spatial", "no_obj_ptr")
    assert {name for name in idle if not name.startswith(rare)} == set()


def test_pictures_are_normalised_as_sam2_does_it():
    image = np.random.default_rng(0).integers(0, 256, (1, 1, 8, 8, 3), dtype=np.uint8)
    expected = (image[0, 0, 2, 3] / 255 - np.array(sam2.IMAGE_MEAN)) / np.array(sam2.IMAGE_STD)
    assert np.allclose(normalised(image)[0, :, 2, 3], expected, atol=1e-5)


def test_levels_of_the_encoder():
    model = build(sam2.config_path())
    with torch.inference_mode():
        maps = look(model, np.zeros((2, 3, 128, 128, 3), np.uint8)).maps()
    assert [tuple(m.shape) for m in maps] == [(6, 12, 32, 32), (6, 24, 16, 16), (6, 96, 8, 8)]


def test_schedule():
    stage = replace(PICTURES, steps=100, rate=1.0)
    assert stage.rate_at(0) < stage.rate_at(2) <= 1.0
    assert stage.rate_at(99) < 0.03
    assert replace(stage, steps=50, over=100).rate_at(40) == stage.rate_at(40)


def test_no_two_stages_share_a_lesson():
    plan = Plan()
    assert plan.both.first >= plan.clips.steps and plan.both.first >= plan.pictures.steps
