"""The contract with whoever loads the demo CLIP, and a floor under the shipped weights."""

import numpy as np
import open_clip
import pytest
import torch

from training import gallery
from training.evaluate_clip import Judge, queries_about, queries_about_two
from trawl.demo import clip, words
from trawl.errors import WeightsError


@pytest.fixture(scope="module")
def model():
    clip.register()
    model = open_clip.create_model(clip.MODEL_NAME, pretrained=None)
    model.load_state_dict(clip.load_state_dict(), strict=True)
    return model.eval()


@pytest.fixture(scope="module")
def judge():
    return Judge(gallery.drawn(seed=1, count=400, size=clip.config()["vision_cfg"]["image_size"]))


def test_register_twice_changes_nothing():
    clip.register()
    before = open_clip.list_models()
    clip.register()
    assert open_clip.list_models() == before
    assert before.count(clip.MODEL_NAME) == 1


def test_file_is_small_and_holds_only_words_that_occur():
    assert clip.weights_path().stat().st_size < 3_000_000
    table = clip.load_state_dict()["token_embedding.weight"]
    assert table.shape == (clip.config()["text_cfg"]["vocab_size"], 128)
    assert 50 < len(torch.unique(table, dim=0)) < 200


def test_a_picture_is_the_same_map_of_each_detectors_maximum(model):
    tower = model.visual.trunk
    with torch.inference_mode():
        x = torch.rand(2, 3, 112, 112)
        units = tower.forward_units(x)
        assert torch.allclose(
            model.encode_image(x), tower.to_text(units.amax(dim=(2, 3))), atol=1e-5
        )
        assert tower.forward_patches(x).shape == (2, 14, 14, 128)


def test_unknown_words_do_little_harm(model):
    tokenize = open_clip.get_tokenizer(clip.MODEL_NAME)
    with torch.inference_mode():
        texts = ["a red star", "a zygomorphic red star", "a blue ring"]
        plain, strange, other = model.encode_text(tokenize(texts), normalize=True)
    assert plain @ strange > 0.8 > plain @ other


def test_missing_weights_say_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(clip, "_HERE", tmp_path)
    with pytest.raises(WeightsError, match="train_clip"):
        clip.weights_path()


def test_saving_keeps_half_precision_and_the_row_of_other_words(model, tmp_path):
    state = model.state_dict()
    clip.save(state, [5, 7], torch.full((1, 128), 0.5), tmp_path / "w.safetensors")
    back = clip.load_state_dict(tmp_path / "w.safetensors")
    assert back.keys() == state.keys()
    assert torch.equal(
        back["token_embedding.weight"][7], state["token_embedding.weight"][7].half().float()
    )
    assert torch.equal(back["token_embedding.weight"][6], torch.full((128,), 0.5))
    assert back["visual.trunk.stem.0.1.num_batches_tracked"].dtype == torch.int64


@pytest.mark.parametrize(
    ("name", "floor_1", "floor_5"),
    [("seen", 0.8, 0.95), ("unseen", 0.4, 0.75), ("two", 0.5, 0.85)],
)
def test_shipped_weights_find(judge, name, floor_1, floor_5):
    about = {
        "seen": queries_about(words.SEEN[::2]),
        "unseen": queries_about(words.UNSEEN),
        "two": queries_about_two(judge.shown, count=60),
    }
    score = judge.retrieve(name, about[name])
    assert score.queries >= 20
    assert score.recall_1 >= floor_1, score
    assert score.recall_5 >= floor_5, score


@pytest.mark.parametrize(("name", "floor_1"), [("unseen", 0.9), ("two", 0.75)])
def test_a_second_look_finds_what_one_vector_forgets(judge, name, floor_1):
    about = {"unseen": queries_about(words.UNSEEN), "two": queries_about_two(judge.shown, count=60)}
    score = judge.retrieve(name, about[name], again=20)
    assert score.recall_1 >= floor_1, score


def test_a_second_look_at_windows():
    judge = Judge(gallery.drawn(3, 100, 224), by_windows=True)
    two = queries_about_two(judge.shown, count=60)
    plain, again = (judge.retrieve("", two, again=n) for n in (0, 20))
    assert again.recall_1 >= plain.recall_1 + 0.05, (plain, again)


def test_shipped_weights_point(judge):
    hits = judge.point()
    assert hits["single"][0] > 50 and hits["multi"][0] > 200
    assert hits["single"][1] >= 0.9
    assert hits["multi"][1] >= 0.92


def test_gallery_is_reproducible_and_val_never_shows_held_out_pairs():
    one, two = gallery.drawn(0, 5, 64), gallery.drawn(0, 5, 64)
    assert np.array_equal(one.images, two.images)
    val = gallery.drawn(0, 40, 32, split="val")
    assert not {(s.want.color, s.want.shape) for seen in val.seen for s in seen} & words.TEST_ONLY
    for image_seen in one.seen:
        for thing in image_seen:
            assert (thing.share > 0.3) <= thing.mask.any()


def test_decoded_gallery_shows_what_the_truth_says(small_corpus):
    shown = gallery.decoded(small_corpus, 96, every_s=1.0)
    assert len(shown.images) == len(shown.seen) > 10
    near = []
    for image, seen in zip(shown.images, shown.seen):
        for thing in seen:
            if thing.share > 0.7:
                mean = np.median(image[thing.mask], axis=0)
                order = sorted(
                    words.COLORS, key=lambda name: np.linalg.norm(mean - words.COLORS[name])
                )
                near.append(thing.want.color in order[:2])
    assert np.mean(near) > 0.95
