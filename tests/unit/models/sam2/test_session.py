"""Our propagation is the sam2 package's own: same frames, prompts and weights, object by object.

The reference is SAM2VideoPredictor with its state filled from memory, a fresh one per object and
direction. Batches of objects and frames change the last digits: logits agree within TOLERANCE, and
masks wherever a logit is not that near 0.
"""

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from trawl.config.models import TrackerConfig
from trawl.demo import sam2 as demo
from trawl.errors import DeviceMemoryError
from trawl.models.protocols import Session, Tracker
from trawl.models.sam2 import session as sam2_session
from trawl.models.sam2 import weights as sam2_weights
from trawl.models.sam2.guided import Guide
from trawl.models.sam2.images import pixels
from trawl.models.sam2.session import Sam2Session
from trawl.models.sam2.tracker import Sam2Tracker, make
from trawl.records.tracking import Prompt, TrackedFrame

TOLERANCE = 1e-3
PREDICTOR = "sam2.sam2_video_predictor.SAM2VideoPredictor"
HEIGHT, WIDTH, T = 90, 140, 10


MODELS = {
    "demo": TrackerConfig("sam2", demo.MODEL_NAME, "builtin"),
    "demo, random": TrackerConfig("sam2", demo.MODEL_NAME, "random:0"),
    "tiny, random": TrackerConfig("sam2", "sam2.1_hiera_tiny", "random:1", image_size=128),
}


def predictor(name: str):
    """The stock predictor; ours runs on the very same parameters."""
    torch.set_num_threads(1)
    model = make(sam2_weights.resolve(MODELS[name]), PREDICTOR)
    if name != "demo":
        waken(model)
    return model


def waken(model) -> None:
    """Fresh weights hardly react to prompts and memory, and see no object at all: then any two
    trackers are equal.
    """
    for embedding in model.sam_prompt_encoder.point_embeddings:
        embedding.weight.mul_(3)
    for head in model.sam_mask_decoder.output_hypernetworks_mlps:
        head.layers[-1].weight.mul_(10)
    presence = model.sam_mask_decoder.pred_obj_score_head.layers[-1]
    presence.weight.mul_(20)
    presence.bias.fill_(0.5)  # objects come and go
    for layer in model.memory_attention.layers:
        layer.cross_attn_image.out_proj.weight.mul_(8)
        layer.cross_attn_image.k_proj.weight.mul_(3)
    for layer in model.memory_encoder.fuser.layers:
        layer.gamma.fill_(0.5)


@pytest.fixture(scope="module")
def predictors() -> Callable[[str], Any]:
    """By name, each made once."""
    return functools.cache(predictor)


@pytest.fixture(scope="module")
def random_demo(predictors: Callable[[str], Any]):
    return predictors("demo, random")


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    """Squares of several colours that move over noise."""
    rng = np.random.default_rng(3)
    clip = rng.integers(60, 120, (T, HEIGHT, WIDTH, 3)).astype(np.uint8)
    for t in range(T):
        clip[t, 10 + 2 * t : 40 + 2 * t, 5 + 8 * t : 35 + 8 * t] = (230, 30, 30)
        clip[t, 55:80, 110 - 6 * t : 135 - 6 * t] = (30, 60, 230)
        clip[t, 5:30, 95:125] = (30, 170, 50)
    return clip


def box(object_id: int, position: int, *corners: float) -> Prompt:
    return Prompt(object_id, position, box=np.array(corners, np.float32))


def point(object_id: int, position: int, *xyl: tuple[float, float, int]) -> Prompt:
    points = np.array([(x, y) for x, y, _ in xyl], np.float32)
    return Prompt(object_id, position, points=points, labels=np.array([label for *_, label in xyl]))


def mask(object_id: int, position: int, left: int, top: int, right: int, bottom: int) -> Prompt:
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[top:bottom, left:right] = True
    return Prompt(object_id, position, mask=inside)


def box_and_point(object_id: int, position: int) -> Prompt:
    return Prompt(
        object_id,
        position,
        box=np.array([92, 3, 128, 32], np.float32),
        points=np.array([[110, 15], [20, 70]], np.float32),
        labels=np.array([1, 0]),
    )


CASES = {
    "a box": [box(1, 0, 5, 10, 35, 40)],
    "a point": [point(1, 0, (20, 25, 1))],
    "points": [point(1, 0, (20, 25, 1), (60, 60, 0))],
    "a mask": [mask(1, 0, 5, 10, 35, 40)],
    "box and points": [box_and_point(1, 0)],
    "from the middle": [box(1, 5, 45, 20, 75, 50)],
    "three of one kind": [
        box(7, 0, 5, 10, 35, 40),
        box(3, 0, 110, 55, 135, 80),
        box(5, 0, 95, 5, 125, 30),
    ],
    "three kinds": [
        mask(7, 2, 21, 14, 51, 44),
        box(3, 2, 98, 55, 123, 80),
        point(5, 2, (110, 15, 1)),
    ],
    "starting apart": [
        box(1, 0, 5, 10, 35, 40),
        mask(2, 3, 92, 55, 117, 80),
        box(3, 3, 95, 5, 125, 30),
    ],
    "prompted twice": [
        box(1, 1, 13, 12, 43, 42),
        mask(1, 6, 53, 22, 83, 52),
        box(2, 1, 104, 55, 129, 80),
    ],
    "on the last frame": [box(1, T - 1, 93, 32, 123, 62), box(2, 4, 95, 5, 125, 30)],
}


def reference(
    predictor, frames: np.ndarray, prompts: list[Prompt], reverse: bool
) -> dict[tuple[int, int], np.ndarray]:
    """{(object, frame): (H, W) logits} by the stock predictor, each object in a fresh state."""
    found = {}
    for object_id in {prompt.object_id for prompt in prompts}:
        mine = [prompt for prompt in prompts if prompt.object_id == object_id]
        state = stock_state(predictor, frames)
        for prompt in mine:
            tell(predictor, state, prompt)
        start = (max if reverse else min)(prompt.position for prompt in mine)
        shown = predictor.propagate_in_video(state, start_frame_idx=start, reverse=reverse)
        # the stock predictor yields nothing then: take what its forward pass yields first
        if reverse and start == 0:
            shown = [next(predictor.propagate_in_video(state, start_frame_idx=0))]
        for position, _, logits in shown:
            found[object_id, position] = logits[0, 0].numpy()
    return found


def stock_state(predictor, frames: np.ndarray) -> dict:
    """What the predictor's `init_state` makes of a folder of JPEGs, from memory."""
    empty = (
        "point_inputs_per_obj",
        "mask_inputs_per_obj",
        "cached_features",
        "constants",
        "output_dict_per_obj",
    )
    empty += ("temp_output_dict_per_obj", "frames_tracked_per_obj")
    device = predictor.device
    return {name: {} for name in empty} | {
        "images": [pixels(frame, predictor.image_size, device) for frame in frames],
        "num_frames": len(frames),
        "offload_video_to_cpu": False,
        "offload_state_to_cpu": False,
        "video_height": frames.shape[1],
        "video_width": frames.shape[2],
        "device": device,
        "storage_device": device,
        "obj_id_to_idx": OrderedDict(),
        "obj_idx_to_id": OrderedDict(),
        "obj_ids": [],
    }


def tell(predictor, state: dict, prompt: Prompt) -> None:
    if prompt.mask is not None:
        predictor.add_new_mask(state, prompt.position, prompt.object_id, prompt.mask)
    else:
        predictor.add_new_points_or_box(
            state,
            prompt.position,
            prompt.object_id,
            points=prompt.points,
            labels=prompt.labels,
            box=prompt.box,
        )


@pytest.fixture(autouse=True)
def no_progress_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    import sam2.sam2_video_predictor as stock

    monkeypatch.setattr(stock, "tqdm", lambda order, **_: order)


@pytest.fixture
def logits(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Grows by the logits at display size, (K, H, W), behind each call of `display`."""
    kept: list[np.ndarray] = []
    display = Sam2Session.display

    def keep(session: Sam2Session, low: torch.Tensor, position: int) -> np.ndarray:
        large = torch.nn.functional.interpolate(
            low, session._size, mode="bilinear", align_corners=False
        )
        kept.append(large[:, 0].numpy())
        return display(session, low, position)

    monkeypatch.setattr(Sam2Session, "display", keep)
    return kept


SMALL = [(name, case) for name in ("demo", "demo, random") for case in CASES]
LARGE = [("tiny, random", case) for case in ("three kinds", "prompted twice")]  # seconds each


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize(("name", "case"), SMALL + LARGE)
def test_equals_the_stock_predictor(
    predictors: Callable[[str], Any],
    frames: np.ndarray,
    logits: list[np.ndarray],
    name: str,
    case: str,
    reverse: bool,
) -> None:
    model, prompts = predictors(name), CASES[case]
    expected = reference(model, frames, prompts, reverse)
    seen = list(Sam2Tracker(model, frame_batch=3).open(frames).propagate(prompts, reverse))
    found = {
        (int(i), frame.position): row
        for frame, rows in zip(seen, logits, strict=True)
        for i, row in zip(frame.object_ids, rows, strict=True)
    }
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_allclose(
            found[key], values, atol=TOLERANCE, rtol=TOLERANCE, err_msg=str(key)
        )
    for frame in seen:
        for i, shown in zip(frame.object_ids, frame.masks, strict=True):
            sure = np.abs(expected[int(i), frame.position]) > TOLERANCE
            assert np.array_equal(shown[sure], (expected[int(i), frame.position] > 0)[sure])


@pytest.mark.parametrize("name", MODELS)
def test_the_comparison_would_see_a_swapped_object(
    predictors: Callable[[str], Any], frames: np.ndarray, logits: list[np.ndarray], name: str
) -> None:
    list(Sam2Tracker(predictors(name)).open(frames).propagate(CASES["three kinds"]))
    for rows in logits:
        for a, b in ((0, 1), (0, 2), (1, 2)):
            assert np.abs(rows[a] - rows[b]).max() > 5 * TOLERANCE


@pytest.mark.parametrize(("name", "case"), SMALL)
def test_segments_as_the_stock_predictor_does(
    predictors: Callable[[str], Any], frames: np.ndarray, name: str, case: str
) -> None:
    model, prompts = predictors(name), CASES[case]
    masks, scores = Sam2Tracker(model, object_batch=2).open(frames).segment(prompts)
    assert masks.shape == (len(prompts), HEIGHT, WIDTH) and scores.shape == (len(prompts),)
    for shown, prompt in zip(masks, prompts, strict=True):
        state = stock_state(model, frames)
        tell(model, state, prompt)
        _, _, large = next(iter(model.propagate_in_video(state, start_frame_idx=prompt.position)))
        sure = np.abs(large[0, 0].numpy()) > TOLERANCE
        assert np.array_equal(shown[sure], (large[0, 0].numpy() > 0)[sure])


def by_object(frames: list[TrackedFrame]) -> dict[tuple[int, int], tuple[np.ndarray, float]]:
    return {
        (int(i), frame.position): (shown, float(score))
        for frame in frames
        for i, shown, score in zip(frame.object_ids, frame.masks, frame.scores, strict=True)
    }


@pytest.mark.parametrize("largest", [1, 2, 16])
def test_batches_of_objects_change_nothing_but_last_digits(
    random_demo, frames: np.ndarray, largest: int
) -> None:
    prompts = CASES["starting apart"] + [point(9, 1, (20, 25, 1)), point(8, 1, (110, 15, 1))]
    together = by_object(
        list(Sam2Tracker(random_demo, object_batch=largest).open(frames).propagate(prompts))
    )
    alone = [by_object(list(Sam2Tracker(random_demo).open(frames).propagate([p]))) for p in prompts]
    assert together.keys() == {key for found in alone for key in found}
    for found in alone:
        for key, (shown, score) in found.items():
            assert (together[key][0] != shown).mean() < 1e-3
            assert together[key][1] == pytest.approx(score, abs=TOLERANCE)


def test_nothing_is_kept_between_calls(random_demo, frames: np.ndarray) -> None:
    prompts = CASES["from the middle"]
    session = Sam2Tracker(random_demo).open(frames)
    list(session.propagate(prompts))
    again = by_object(list(session.propagate(prompts, reverse=True)))
    fresh = by_object(list(Sam2Tracker(random_demo).open(frames).propagate(prompts, reverse=True)))
    assert all(np.array_equal(again[key][0], shown) for key, (shown, _) in fresh.items())


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_guided_masks_are_those_of_the_frames_own_picture(
    predictors, frames, monkeypatch, reverse: bool
) -> None:
    seen: list[tuple[torch.Tensor, int]] = []
    display = Sam2Session.display
    monkeypatch.setattr(
        Sam2Session,
        "display",
        lambda session, low, position: (
            seen.append((low, position)) or display(session, low, position)
        ),
    )
    session = Sam2Tracker(predictors("demo"), upsample="guided").open(frames)
    masks, _ = session.segment(CASES["three kinds"])
    assert len(masks) == len(CASES["three kinds"])
    seen.clear()
    for frame in session.propagate(CASES["from the middle"], reverse):
        low, position = seen[-1]
        picture = torch.from_numpy(frames[frame.position]).permute(2, 0, 1)[None]
        own = Guide(picture, (HEIGHT, WIDTH), (low.shape[2], low.shape[3]))
        assert position == frame.position and np.array_equal(frame.masks, own.enlarge(low).numpy())
        assert frame.masks.any()


@pytest.mark.parametrize("upsample", ["bilinear", "guided"])
def test_many_large_masks_are_enlarged_in_parts(
    predictors, frames, monkeypatch, upsample: str
) -> None:
    tracker = Sam2Tracker(predictors("demo"), upsample=upsample)
    whole, _ = tracker.open(frames).segment(CASES["three of one kind"])
    monkeypatch.setattr(sam2_session, "_PIXELS_AT_ONCE", 1)
    parts, _ = tracker.open(frames).segment(CASES["three of one kind"])
    assert whole.any() and (whole == parts).mean() > 0.999


def test_what_the_stock_predictors_second_pass_reads_of_its_first(
    random_demo, frames: np.ndarray
) -> None:
    """Why the reference above has a fresh state a direction: with one state the second pass
    differs, if hardly.
    """
    state = stock_state(random_demo, frames)
    tell(random_demo, state, CASES["from the middle"][0])
    list(random_demo.propagate_in_video(state, start_frame_idx=5))
    kept = state["output_dict_per_obj"][0]["non_cond_frame_outputs"]
    # all of it is still there, and nothing says of which pass it is
    assert set(kept) == set(range(6, T))


def test_order_and_content_of_what_is_yielded(random_demo, frames: np.ndarray) -> None:
    prompts = [box(9, 4, 5, 10, 35, 40), box(2, 1, 5, 10, 35, 40), box(9, 6, 5, 10, 35, 40)]
    session = Sam2Tracker(random_demo).open(frames)
    forward, backward = (
        list(session.propagate(prompts)),
        list(session.propagate(prompts, reverse=True)),
    )
    assert [f.position for f in forward] == list(range(1, T))
    assert [f.object_ids.tolist() for f in forward] == [[2]] * 3 + [[9, 2]] * (T - 4)
    assert [f.position for f in backward] == list(range(6, -1, -1))
    assert [f.object_ids.tolist() for f in backward] == [[9]] * 5 + [[9, 2]] * 2
    for frame in forward:
        assert frame.masks.dtype == bool and frame.scores.dtype == np.float32
        assert frame.masks.shape == (len(frame.object_ids), HEIGHT, WIDTH)
        assert ((frame.scores >= 0) & (frame.scores <= 1)).all()


def test_masks_and_prompts_are_of_the_sessions_size(random_demo, frames: np.ndarray) -> None:
    """Half the frames' size: prompts of half the size give the same masks, made smaller."""
    tracker = Sam2Tracker(random_demo)
    large, _ = tracker.open(frames).segment([box(1, 0, 4, 10, 34, 40), point(1, 0, (20, 24, 1))])
    small, _ = tracker.open(frames, (HEIGHT // 2, WIDTH // 2)).segment(
        [box(1, 0, 2, 5, 17, 20), point(1, 0, (10, 12, 1))]
    )
    assert small.shape == (2, HEIGHT // 2, WIDTH // 2)
    assert (small != large[:, ::2, ::2]).mean() < 0.1


def test_each_frame_is_encoded_once(
    random_demo, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = count_encoded(random_demo, monkeypatch)
    session = Sam2Tracker(random_demo, frame_batch=5).open(frames)
    session.segment([box(1, 0, 5, 10, 35, 40), point(2, 5, (20, 25, 1))])
    list(session.propagate(CASES["starting apart"]))
    list(session.propagate(CASES["on the last frame"], reverse=True))
    assert sum(encoded) == T


def test_a_small_cache_costs_time_only(
    random_demo, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = count_encoded(random_demo, monkeypatch)
    tracker = Sam2Tracker(random_demo, cache_mb=256)
    tracker.cache_bytes = 1
    session = tracker.open(frames)
    first, again = list(session.propagate(CASES["a box"])), list(session.propagate(CASES["a box"]))
    assert sum(encoded) == 2 * T
    assert all(np.array_equal(a.masks, b.masks) for a, b in zip(first, again, strict=True))


def count_encoded(model, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by the number of frames in each pass of the image encoder."""
    counts: list[int] = []
    forward_image = model.forward_image

    def counted(batch: torch.Tensor):
        counts.append(len(batch))
        return forward_image(batch)

    monkeypatch.setattr(model, "forward_image", counted)
    return counts


@pytest.mark.parametrize("reverse", [False, True])
def test_memory_does_not_grow_with_the_session(
    random_demo, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch, reverse: bool
) -> None:
    from trawl.models.sam2 import session as sam2_session

    held: list[tuple[int, int]] = []
    step = sam2_session._Pass.step

    def watched(objects, position: int) -> TrackedFrame:
        frame = step(objects, position)
        held.append(max((len(m.features), len(m.pointers)) for m in objects.live.values()))
        return frame

    monkeypatch.setattr(sam2_session._Pass, "step", watched)
    start = 2 * T - 1 if reverse else 0
    session = Sam2Tracker(random_demo).open(np.concatenate([frames, frames]))
    list(session.propagate([box(1, start, 5, 10, 35, 40)], reverse))
    assert max(held) == (random_demo.num_maskmem - 1, random_demo.max_obj_ptrs_in_encoder - 1)


def test_no_prompts_and_one_frame(random_demo, frames: np.ndarray) -> None:
    session = Sam2Tracker(random_demo).open(frames[:1])
    assert list(session.propagate([])) == []
    masks, scores = session.segment([])
    assert masks.shape == (0, HEIGHT, WIDTH) and scores.shape == (0,)
    assert [f.position for f in session.propagate([box(1, 0, 5, 10, 35, 40)])] == [0]
    assert [f.position for f in session.propagate([box(1, 0, 5, 10, 35, 40)], reverse=True)] == [0]


@pytest.mark.parametrize(
    ("prompts", "says"),
    [
        ([box(1, T, 0, 0, 9, 9)], "position 10 is outside of the session's 10 frames"),
        ([box(1, 2, 0, 0, 9, 9), point(1, 2, (3, 3, 1))], "two prompts on one frame"),
        (
            [Prompt(1, 0, mask=np.ones((4, 4), bool))],
            "a mask prompt of (4, 4) in a session of (90, 140)",
        ),
    ],
)
def test_a_wrong_prompt_fails_at_the_call(
    random_demo, frames: np.ndarray, prompts: list[Prompt], says: str
) -> None:
    with pytest.raises(ValueError) as error:
        Sam2Tracker(random_demo).open(frames).propagate(prompts)
    assert says in str(error.value)


@pytest.mark.parametrize(
    "fault",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: 99 bytes"
        ),
    ],
)
def test_out_of_memory_has_one_name_and_can_be_tried_again(
    random_demo, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    session = Sam2Tracker(random_demo).open(frames)
    healthy = random_demo.forward_image

    def full(batch: torch.Tensor):
        raise fault

    follow = session.propagate(CASES["a box"])
    first = next(follow)
    monkeypatch.setattr(random_demo, "forward_image", full)
    with pytest.raises(DeviceMemoryError, match=r"cpu: .*allocate"):
        next(follow)
    with pytest.raises(DeviceMemoryError):
        session.segment(CASES["a box"])
    monkeypatch.setattr(random_demo, "forward_image", healthy)
    again = list(session.propagate(CASES["a box"]))
    assert np.array_equal(again[0].masks, first.masks) and len(again) == T


def test_other_faults_keep_their_name(
    random_demo, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(batch: torch.Tensor):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(random_demo, "forward_image", broken)
    with pytest.raises(RuntimeError, match="shapes differ"):
        Sam2Tracker(random_demo).open(frames).segment(CASES["a box"])


def test_it_is_a_tracker(random_demo, frames: np.ndarray) -> None:
    tracker = Sam2Tracker(random_demo)
    assert isinstance(tracker, Tracker) and isinstance(tracker.open(frames), Session)
