"""Our propagation against the sam2 package's own video predictor: the same clip, prompts and
weights, in one process.

    stock    SAM2VideoPredictor, its state filled from memory with frames already resized and
             normalised (its own loading
             of JPEGs is left out, ours of frames in memory is in), masks at display size above 0 as
             numpy
    ours     Sam2Session.propagate, frames from uint8 at display size

Rounds take turns, and the figure is the median round's. On the CPU time is CPU time, of one thread,
since the machine may not be idle. On a GPU, in addition: SAM 2.1 tiny and small in bf16 with and
without compile, beside what sam2's README publishes (one object on an A100: 47 and 43 frames/s;
small compiled: 53).

    python -m benchmarks.propagate [--rounds 5] [--frames 60]
"""

import argparse
import itertools
import statistics
import time
from collections import OrderedDict
from collections.abc import Callable

import numpy as np

from trawl.config.models import TrackerConfig
from trawl.demo import sam2 as demo
from trawl.records.tracking import Prompt

HEIGHT, WIDTH = 256, 384  # of the demo corpus's videos
TARGETS = {1: 1.0, 5: 1.5}
PREDICTOR = "sam2.sam2_video_predictor.SAM2VideoPredictor"
GPU_MODELS = ("sam2.1_hiera_tiny", "sam2.1_hiera_small")


def clip(frames: int, height: int, width: int) -> np.ndarray:
    """Coloured squares that drift over noise."""
    rng = np.random.default_rng(0)
    pictures = rng.integers(60, 120, (frames, height, width, 3)).astype(np.uint8)
    side = height // 6
    for k, (x, y) in enumerate(starts(height, width)):
        color = rng.integers(0, 255, 3)
        for t in range(frames):
            left, top = max(x + t * (1 - k % 3), 0), y + t * (k % 2)
            pictures[t, top : top + side, left : left + side] = color
    return pictures


def starts(height: int, width: int) -> list[tuple[int, int]]:
    """Upper left corners of twenty squares, (x, y)."""
    return [
        (int(width * (0.05 + 0.18 * (k % 5))), int(height * (0.03 + 0.2 * (k // 5))))
        for k in range(20)
    ]


def prompts(objects: int, height: int, width: int) -> list[Prompt]:
    side = height // 6
    corners = starts(height, width)[:objects]
    return [
        Prompt(k, 0, box=np.array([x, y, x + side, y + side], np.float32))
        for k, (x, y) in enumerate(corners)
    ]


def stock(predictor, images: list, told: list[Prompt], height: int, width: int) -> None:
    empty = (
        "point_inputs_per_obj",
        "mask_inputs_per_obj",
        "cached_features",
        "constants",
        "output_dict_per_obj",
    )
    empty += ("temp_output_dict_per_obj", "frames_tracked_per_obj")
    state = {name: {} for name in empty} | {
        "images": images,
        "num_frames": len(images),
        "offload_video_to_cpu": False,
        "offload_state_to_cpu": False,
        "video_height": height,
        "video_width": width,
        "device": predictor.device,
        "storage_device": predictor.device,
        "obj_id_to_idx": OrderedDict(),
        "obj_idx_to_id": OrderedDict(),
        "obj_ids": [],
    }
    for prompt in told:
        predictor.add_new_points_or_box(state, prompt.position, prompt.object_id, box=prompt.box)
    for _, _, logits in predictor.propagate_in_video(state):
        (logits[:, 0] > 0).cpu().numpy()


def ours(tracker, frames: np.ndarray, told: list[Prompt]) -> None:
    for _ in tracker.open(frames).propagate(told):
        pass


def seconds(clock: Callable[[], float], work: Callable[..., None], *arguments: object) -> float:
    start = clock()
    work(*arguments)
    return clock() - start


def against_stock(rounds: int, frames: int) -> None:
    import sam2.sam2_video_predictor as package
    import torch

    from trawl.models.sam2 import trackers
    from trawl.models.sam2.images import pixels
    from trawl.models.sam2.tracker import make

    package.tqdm = lambda order, **_: order
    config = TrackerConfig("sam2", demo.MODEL_NAME, "builtin", frame_batch=8, object_batch=32)
    blueprint = trackers.resolve(config)
    predictor, tracker = make(blueprint, PREDICTOR), trackers.build(blueprint, "cpu")
    pictures = clip(frames, HEIGHT, WIDTH)
    images = [pixels(picture, blueprint.image_size, torch.device("cpu")) for picture in pictures]
    print(
        f"The demo SAM 2, {frames} frames of {WIDTH} x {HEIGHT}, CPU, {torch.get_num_threads()} thread(s)"
    )
    print()
    print("| objects | ours, object-frames/s | sam2's predictor | ratio | target |")
    print("|---|---|---|---|---|")
    for objects, target in TARGETS.items():
        told = prompts(objects, HEIGHT, WIDTH)
        works = ((ours, tracker, pictures, told), (stock, predictor, images, told, HEIGHT, WIDTH))
        times = [[seconds(time.process_time, *work) for work in works] for _ in range(rounds + 1)][
            1:
        ]
        mine, theirs = (
            objects * frames / statistics.median(column) for column in zip(*times, strict=True)
        )
        ratio = statistics.median(b / a for a, b in times)
        print(f"| {objects} | {mine:.0f} | {theirs:.0f} | {ratio:.2f} | {target} |", flush=True)


def on_gpu(frames: int) -> None:
    import torch

    from trawl.models.sam2 import trackers

    height, width = 720, 1280
    pictures = clip(frames, height, width)
    print(
        f"\n{torch.cuda.get_device_name()}, bf16, random weights, {frames} frames of {width} x {height}\n"
    )
    print(
        "| model | compiled | objects | frames/s | object-frames/s | peak memory, GiB | first run, s |"
    )
    print("|---|---|---|---|---|---|---|")
    for model, compiled in itertools.product(GPU_MODELS, (False, True)):
        config = TrackerConfig(
            "sam2",
            model,
            "random:0",
            precision="bf16",
            compile=compiled,
            cache_mb=1024,
            frame_batch=4,
            object_batch=32,
        )
        tracker = trackers.build(trackers.resolve(config), "cuda")
        for objects in (1, 5, 20):
            told = prompts(objects, height, width)
            first = seconds(time.perf_counter, ours, tracker, pictures, told)
            torch.cuda.reset_peak_memory_stats()
            took = statistics.median(
                seconds(time.perf_counter, ours, tracker, pictures, told) for _ in range(3)
            )
            peak = torch.cuda.max_memory_allocated() / 2**30
            figures = (
                f"{frames / took:.1f} | {objects * frames / took:.1f} | {peak:.2f} | {first:.1f}"
            )
            print(
                f"| {model} | {'yes' if compiled else 'no'} | {objects} | {figures} |", flush=True
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=60)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    against_stock(arguments.rounds, arguments.frames)
    if torch.cuda.is_available():
        on_gpu(arguments.frames)


if __name__ == "__main__":
    main()
