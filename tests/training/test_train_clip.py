"""Training in small: a few steps that learn something, patch labels that fit the masks, and texts
read the same way twice.
"""

import random

import numpy as np
import open_clip
import pytest
import torch

from training.lessons import Batch, Shown
from training.losses import NOTHING
from training.phrases import Want, vocabulary
from training.reading import OTHER, read
from training.train_clip import Plan, normalised, patch_labels, patch_truth, train, write
from trawl.demo import clip, words


@pytest.fixture(scope="module")
def trained():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield train(
        Plan(steps=16, batch=24, small_size=48, words_from=0.0, full_from=1.0), log_every=1000
    )
    torch.set_num_threads(threads)


def test_loss_falls(trained):
    _, _, losses = trained
    assert len(losses) == 16
    assert np.mean(losses[-4:]) < np.mean(losses[:4]) - 1


def test_what_is_written_is_what_was_learned(trained, tmp_path):
    student, small, _ = trained
    write(student, small, tmp_path / "w.safetensors")
    model = open_clip.create_model(clip.MODEL_NAME, pretrained=None)
    model.load_state_dict(clip.load_state_dict(tmp_path / "w.safetensors"), strict=True)
    texts = ["a red star", "the big violet hoop over waves", "a xylophone and a red star"]
    with torch.inference_mode():
        whole = model.encode_text(open_clip.get_tokenizer(clip.MODEL_NAME)(texts), normalize=True)
        for k, text in enumerate(texts):
            assert float(whole[k] @ read(student.model, small.rows([text]))[0]) > 0.999


def test_going_on_from_written_weights_starts_where_they_ended(trained, tmp_path):
    student, small, _ = trained
    write(student, small, tmp_path / "w.safetensors")
    again = small.trimmed(clip.load_state_dict(tmp_path / "w.safetensors"))
    mine = student.model.state_dict()
    assert again.keys() == mine.keys()
    for name in mine:
        assert torch.allclose(again[name].float(), mine[name].float(), atol=2e-3, rtol=2e-3), name


def test_rows_of_known_and_unknown_words(trained):
    _, small, _ = trained
    known, strange = small.rows(["a red star"]), small.rows(["a quixotic star"])
    assert known.shape == (1, 5) and OTHER not in known
    assert OTHER in strange
    inserted = small.rows(["a red star"], insert=1.0, chance=random.Random(0))
    assert inserted.shape == (1, 6) and int((inserted == OTHER).sum()) == 1
    # the end token is the highest row, as CLIP asks
    assert int(inserted.max()) == int(known.max()) == small.size - 1


def test_normalised_is_what_the_embedder_does():
    image = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3), dtype=np.uint8)
    expected = (image[0, 2, 3] / 255 - np.array(clip.IMAGE_MEAN)) / np.array(clip.IMAGE_STD)
    assert np.allclose(normalised(image)[0, :, 2, 3], expected, atol=1e-5)


def test_patch_labels():
    ids = np.full((1, 16, 16), -1, dtype=np.int8)
    ids[0, :8, :8] = 0  # fills its patch
    ids[0, :8, 8:10] = 0  # a quarter of the next: neither thing nor background
    ids[0, 8:, :8] = 1  # too hidden to be named
    shown = ((Shown(Want("red", "star"), 0.9), Shown(Want("blue", "ring"), 0.2)),)
    batch = Batch(np.zeros((1, 16, 16, 3), np.uint8), ids, shown, ("waves",), ())
    color, shape = patch_labels(batch, grid=2)
    background = (len(words.COLORS), len(words.SHAPES))
    expected = [(0, words.SHAPES.index("star")), (NOTHING, NOTHING), (NOTHING, NOTHING), background]
    assert list(zip(color.tolist(), shape.tolist())) == expected
    shows = patch_truth(tuple(vocabulary("{}")), color, shape)
    said = {phrase.text for phrase, row in zip(vocabulary("{}"), shows) if row[0]}
    assert said == {"red star", "red thing", "star"}
    assert not shows[:, 3].any()


def test_schedule():
    plan = Plan(steps=100, words_from=0.2, full_from=0.5)
    assert plan.size_at(0) == 80 and plan.size_at(49) == 80 and plan.size_at(50) == 112
    assert not plan.reads_at(19) and plan.reads_at(20)
    assert plan.share_at(0) < plan.share_at(5) and plan.share_at(99) < 0.01
