"""What each precision costs in quality and saves in time and memory, CLIP and SAM 2, on one thread
of this machine's CPU.

    quality    the demo models, trained: the figures of their own evaluations, on freshly drawn test
               scenes. Published
               architectures at random initialisation: cosine of embeddings to those in fp32, how
               many of a frame's ten nearest stay the same, IoU of masks; over frames of the real
               clips
    speed      CPU time of the same pictures in fp32 over that in the other precision, taken in
               turns in one process
    memory     of the weights, and the most that a process held that loaded the model and used it

Every line is a process of its own. A precision that this CPU lacks is computed all the same,
emulated, for its quality: the job would take fp32 (`models/precision.py`). A compiled model's start
is CPU seconds, the compiler's included; its speed is over the same precision's in fp32, not
compiled.

    python -m benchmarks.precision FOLDER [--compile]
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np

from trawl.models import precision

ROUNDS = 3
SAM2_SIZE = 512
LINES = [
    *(("trawl-demo-clip", word) for word in ("fp32", "bf16", "int8")),
    *(("ViT-B-32", word) for word in ("fp32", "bf16", "fp16", "int8")),
    *(("PE-Core-B-16", word) for word in ("fp32", "bf16", "int8")),
    *(("trawl-demo-sam2", word) for word in ("fp32", "bf16", "int8")),
    *(("sam2.1_hiera_tiny", word) for word in ("fp32", "bf16", "int8")),
]
COMPILED = [
    ("ViT-B-32", "fp32"),
    ("ViT-B-32", "bf16"),
    ("sam2.1_hiera_tiny", "fp32"),
    ("sam2.1_hiera_tiny", "bf16"),
]


def pictures(folder: Path, clips: int = 10, each: int = 3) -> np.ndarray:
    """(N, 360, 640, 3): frames spread over each of the clips."""
    import cv2
    import decord

    found = []
    for path in sorted(folder.glob("*.mp4"))[:clips]:
        reader = decord.VideoReader(str(path), num_threads=1)
        for at in np.linspace(0, len(reader) - 1, each).astype(int):
            found.append(
                cv2.resize(reader[int(at)].asnumpy(), (640, 360), interpolation=cv2.INTER_AREA)
            )
    return np.stack(found)


def cpu_s() -> float:
    """Of this process and of the compilers that it ran."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def weights_mib(*models) -> float:
    """Of all together, what they share once."""
    tensors = {t.data_ptr(): t for model in models for t in (*model.parameters(), *model.buffers())}
    return sum(t.numel() * t.element_size() for t in tensors.values()) / 2**20


def in_turns(work: list, rounds: int = ROUNDS) -> list[list[float]]:
    """CPU seconds of each, round after round."""
    spent: list[list[float]] = [[] for _ in work]
    for _ in range(rounds):
        for seconds, one in zip(spent, work):
            start = time.process_time()
            one()
            seconds.append(time.process_time() - start)
    return spent


def speed(lower, whole) -> tuple[float, float]:
    """Of two functions that do the same: how many times as fast the first is, and its CPU seconds."""
    mine, theirs = in_turns([lower, whole])
    return statistics.median(b / a for a, b in zip(mine, theirs)), statistics.median(mine)


def embedder_line(model: str, word: str, compiled: bool, frames: np.ndarray) -> dict:
    from trawl.config.models import EmbedderConfig
    from trawl.decode.resize import resize
    from trawl.models.clip import embedders as registry
    from trawl.models.clip.openclip import OpenClipEmbedder

    demo = model == "trawl-demo-clip"
    blueprint = registry.resolve(
        EmbedderConfig("openclip", model, "builtin" if demo else "random:0")
    )
    images = np.stack([resize(frame, blueprint.image) for frame in frames])
    start = cpu_s()
    lower = OpenClipEmbedder(
        replace(blueprint, precision=word, compile=compiled), "cpu", batch_size=8, threads=1
    )
    lower.embed_images(images[:8])
    tower = [lower._encode_image] if hasattr(lower._encode_image, "parameters") else []
    found = {"start_s": cpu_s() - start, "weights_mib": weights_mib(lower.model.visual, *tower)}
    vectors = lower.embed_images(images)
    found["peak_mib"] = peak_mib()
    whole = OpenClipEmbedder(blueprint, "cpu", batch_size=8, threads=1)
    exact = whole.embed_images(images)
    few = images[:8]
    found["speed"], seconds = speed(
        lambda: lower.embed_images(few), lambda: whole.embed_images(few)
    )
    found["rate"] = f"{len(few) / seconds:.1f} images"
    cosine = (vectors * exact).sum(axis=1)
    found["cosine"] = [float(cosine.min()), float(cosine.mean())]
    found["same"] = same_nearest(exact, vectors)
    found["batch"] = float((lower.embed_images(images[:1]) * vectors[:1]).sum())
    if demo:
        found["quality"] = demo_clip_quality(word)
    return found


def same_nearest(exact: np.ndarray, found: np.ndarray, k: int = 10) -> float:
    """Share of the k best of a gallery that stay the same when it is embedded otherwise; each exact
    picture asks.
    """
    whole, lower = (np.argsort(-(exact @ gallery.T), axis=1)[:, :k] for gallery in (exact, found))
    return float(np.mean([len(set(a) & set(b)) / k for a, b in zip(whole, lower)]))


def demo_clip_quality(word: str) -> str:
    from training import gallery
    from training.evaluate_clip import Judge, queries_about, queries_about_two, words
    from trawl.demo import clip

    judge = Judge(gallery.drawn(0, 500, clip.config()["vision_cfg"]["image_size"]), word=word)
    seen, unseen = (
        judge.retrieve("", queries_about(pairs)) for pairs in (words.SEEN, words.UNSEEN)
    )
    two = judge.retrieve("", queries_about_two(judge.shown))
    cases, hits = judge.point()["multi"]
    recalls = ", ".join(f"{s.recall_1:.3f} / {s.recall_5:.3f}" for s in (seen, unseen, two))
    return f"R@1 / R@5 seen, unseen, two: {recalls}; pointing {hits:.3f} of {cases}"


def tracker_line(model: str, word: str, compiled: bool, frames: np.ndarray) -> dict:
    from training import films
    from trawl.config.models import TrackerConfig
    from trawl.models.sam2 import trackers
    from trawl.records.tracking import Prompt

    demo = model == "trawl-demo-sam2"
    config = TrackerConfig(
        "sam2", model, "builtin" if demo else "random:0", frame_batch=8 if demo else 1
    )
    config.image_size = None if demo else SAM2_SIZE
    blueprint = trackers.resolve(config)
    shown = next(films.drawn(1, 1, 12)).frames if demo else frames[:4]
    height, width = shown.shape[1:3]
    prompts = [
        Prompt(
            k,
            0,
            box=np.array([x * width, 0.3 * height, (x + 0.2) * width, 0.7 * height], np.float32),
        )
        for k, x in enumerate((0.2, 0.6))
    ]

    def follow(tracker) -> np.ndarray:
        return np.stack([frame.masks for frame in tracker.open(shown).propagate(prompts)])

    start = cpu_s()
    lower = trackers.build(replace(blueprint, precision=word, compile=compiled), "cpu", threads=1)
    masks = follow(lower)
    found = {
        "start_s": cpu_s() - start,
        "weights_mib": weights_mib(lower.model),
        "peak_mib": peak_mib(),
    }
    whole = trackers.build(blueprint, "cpu", threads=1)
    exact = follow(whole)
    found["speed"], seconds = speed(lambda: follow(lower), lambda: follow(whole))
    found["rate"] = f"{masks.shape[0] * masks.shape[1] / seconds:.1f} object-frames"
    both, either = (masks & exact).sum(axis=(2, 3)), (masks | exact).sum(axis=(2, 3))
    iou = np.where(either > 0, both / np.maximum(either, 1), 1.0)
    found["iou"] = [float(iou.min()), float(iou.mean())]
    if demo:
        found["quality"] = demo_sam2_quality(lower)
    return found


def demo_sam2_quality(tracker) -> str:
    from training import films
    from training.evaluate_sam2 import follow

    followed = [one for film in films.drawn(0, 8, 21) for one in follow(tracker, film, "box")]
    both = [(one.region[1:].mean() + one.contour[1:].mean()) / 2 for one in followed]
    return f"J&F after 20 frames {np.mean(both):.3f} of {len(both)} objects"


def line(model: str, word: str, compiled: bool, frames: np.ndarray) -> dict:
    measured = tracker_line if "sam2" in model else embedder_line
    with mock.patch.object(precision, "computed", lambda word, device: word):
        return measured(model, word, compiled, frames)


def shown(model: str, word: str, compiled: bool, found: dict) -> str:
    near = found.get("cosine") or found["iou"]
    kind = "cosine" if "cosine" in found else "IoU"
    same = (
        f", same top 10 {found['same']:.3f}, batch of 1 {found['batch']:.6f}"
        if "same" in found
        else ""
    )
    quality = f"{found['quality']}; " if "quality" in found else ""
    lacking = word != "fp32" and not precision.cpu_has(word)
    name = f"{word}{', compiled' if compiled else ''}{', emulated' if lacking else ''}"
    return (
        f"| {model} | {name} | {quality}{kind} {near[0]:.5f} / {near[1]:.5f}{same} | {found['speed']:.2f} | "
        f"{found['rate']} | {found['weights_mib']:.0f} | {found['peak_mib']:.0f} | {found['start_s']:.0f} |"
    )


def table(folder: Path, wanted: list[tuple[str, str, bool]]) -> None:
    """Prints each line when it is known."""
    print(
        f"Here auto is {precision.settle('auto', 'cpu')}. Cosine and IoU to fp32: least / mean.\n"
    )
    print(
        "| model | in | quality | speed over fp32 | a CPU second | weights MiB | peak MiB | start CPU s |"
    )
    print("|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "pictures.npy"
        np.save(file, pictures(folder))
        for model, word, compiled in wanted:
            command = [
                sys.executable,
                "-m",
                "benchmarks.precision",
                str(file),
                "--line",
                model,
                word,
            ]
            command += ["--compile"] if compiled else []
            environment = os.environ | {"OMP_NUM_THREADS": "1"}
            done = subprocess.run(
                command, check=True, stdout=subprocess.PIPE, text=True, env=environment
            )
            print(
                shown(model, word, compiled, json.loads(done.stdout.splitlines()[-1])), flush=True
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=os.environ.get("REAL_VIDEOS"))
    parser.add_argument("--compile", action="store_true", help="torch.compile, too: some minutes")
    parser.add_argument("--models", nargs="+", help="of these only")
    parser.add_argument("--line", nargs=2, metavar=("MODEL", "PRECISION"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.line:
        print(json.dumps(line(*args.line, args.compile, np.load(args.folder))))
        return
    if args.folder is None or not list(Path(args.folder).glob("*.mp4")):
        parser.error("give a folder of .mp4 clips, or set REAL_VIDEOS")
    wanted = [(*pair, False) for pair in LINES] + (
        [(*pair, True) for pair in COMPILED] if args.compile else []
    )
    table(Path(args.folder), [one for one in wanted if not args.models or one[0] in args.models])


if __name__ == "__main__":
    main()
