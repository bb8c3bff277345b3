"""The index job against what its user would write instead, over the same clips with ViT-B-32 at
random initialisation.

    (a) sequential   one process: decord, open_clip's own preprocessing and model, all cores
    (b) ray_data     the usual recipe: map_batches with a decoding actor, then with an embedding
                     actor
    (c) perfect      CPU seconds of a decode-only and of an embed-only loop, each on one thread,
                     over the number of cores

The job is measured twice: in fp32, as the others compute, and with `embedder.precision=auto`, its
default for this model. What auto is here stands above the table; docs/precision.md says what it
costs. The others compute as their users write them, in fp32.

Every part runs in a process of its own, in turn, several rounds. Start-up (imports, model, Ray) and
shut-down are measured apart; for (b) what its actors did before the last of them was up is not
counted against it. The CPU seconds hold on a busy machine, too.

    python -m benchmarks.index FOLDER [--rounds 3]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

EVERY_S = 0.5
MODEL = "ViT-B-32"
BATCH = 32


def clips(folder: Path) -> list[Path]:
    return sorted(folder.resolve().glob("*.mp4"))


def decode(path: Path) -> "np.ndarray":  # noqa: F821
    """A frame every EVERY_S seconds, as the decord documentation shows it."""
    import decord

    reader = decord.VideoReader(str(path), num_threads=1)
    step = max(1, round(reader.get_avg_fps() * EVERY_S))
    return reader.get_batch(list(range(0, len(reader), step))).asnumpy()


def model() -> tuple:
    import open_clip

    net, _, preprocess = open_clip.create_model_and_transforms(MODEL, pretrained=None)
    return net.eval(), preprocess


def embed(net, images) -> "np.ndarray":  # noqa: F821
    import torch

    with torch.inference_mode():
        return torch.nn.functional.normalize(net.encode_image(images), dim=-1).numpy()


def sequential(folder: Path) -> dict:
    import torch
    from PIL import Image

    net, preprocess = model()
    torch.set_num_threads(os.cpu_count() or 1)
    embed(net, torch.zeros(1, 3, 224, 224))
    start, frames = time.perf_counter(), 0
    for path in clips(folder):
        images = torch.stack([preprocess(Image.fromarray(frame)) for frame in decode(path)])
        for part in images.split(BATCH):
            frames += len(embed(net, part))
    return {"wall_s": time.perf_counter() - start, "frames": frames}


def perfect(folder: Path) -> dict:
    import torch

    torch.set_num_threads(1)
    start, frames = time.process_time(), 0
    for path in clips(folder):
        frames += len(decode(path))
    decode_s = time.process_time() - start
    net, _ = model()
    embed(net, torch.zeros(1, 3, 224, 224))
    start = time.process_time()
    for part in torch.rand(frames, 3, 224, 224).split(BATCH):
        embed(net, part)
    embed_s = time.process_time() - start
    cores = os.cpu_count() or 1
    return {
        "wall_s": (decode_s + embed_s) / cores,
        "decode_cpu_s": decode_s,
        "embed_cpu_s": embed_s,
        "frames": frames,
    }


class _Decode:
    def __init__(self) -> None:
        self.up = time.time()
        _, self.preprocess = model()

    def __call__(self, batch: dict) -> Iterator[dict]:
        import numpy as np
        from PIL import Image

        for path in batch["path"]:
            images = np.stack(
                [self.preprocess(Image.fromarray(f)).numpy() for f in decode(Path(path))]
            )
            for start in range(0, len(images), BATCH):
                part = images[start : start + BATCH]
                yield {"image": part, "up": np.full(len(part), self.up)}


class _Embed:
    def __init__(self) -> None:
        import torch

        self.net, _ = model()
        embed(self.net, torch.zeros(1, 3, 224, 224))
        self.up = time.time()

    def __call__(self, batch: dict) -> dict:
        import numpy as np
        import torch

        vectors = embed(self.net, torch.from_numpy(np.array(batch["image"])))
        return {"embedding": vectors, "up": np.maximum(batch["up"], self.up)}


def ray_data(folder: Path) -> dict:
    import ray

    # Four logical CPUs: with two, the actors hold both and the read task waits for ever.
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    data = ray.data.from_items([{"path": str(path)} for path in clips(folder)])
    data = data.map_batches(_Decode, batch_size=1, concurrency=1, num_cpus=1)
    data = data.map_batches(_Embed, batch_size=BATCH, concurrency=1, num_cpus=1)
    up, frames = 0.0, 0
    for batch in data.iter_batches(batch_size=None):
        up, frames = max(up, float(max(batch["up"]))), frames + len(batch["embedding"])
    return {"wall_s": time.time() - up, "frames": frames}


def trawl(folder: Path, precision: str = "auto") -> dict:
    with tempfile.TemporaryDirectory() as root:
        command = [
            sys.executable,
            "-m",
            "jobs.index",
            "+dataset=folder",
            f"dataset.uri={folder.resolve()}",
            "dataset.name=bench",
        ]
        command += [
            f"storage.root={root}",
            f"sampling.every_s={EVERY_S}",
            "embedder=openclip_b32",
            "embedder.weights=random:0",
            f"embedder.precision={precision}",
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        run = json.loads(next(Path(root).glob("bench/runs/*/run.json")).read_text())
    seconds = run["seconds"]
    return {
        "wall_s": run["wall_s"] - seconds["start_up"] - seconds["shut_down"],
        "start_up_s": seconds["start_up"],
        "shut_down_s": seconds["shut_down"],
        "decode_cpu_s": run["cpu_s"]["decode"],
        "embed_cpu_s": run["cpu_s"]["embed"],
        "frames": run["frames"]["embedded"],
    }


def trawl_fp32(folder: Path) -> dict:
    return trawl(folder, "fp32")


PARTS = {
    "trawl": trawl,
    "trawl_fp32": trawl_fp32,
    "sequential": sequential,
    "ray_data": ray_data,
    "perfect": perfect,
}
TARGETS = {"sequential": 0.80, "ray_data": 0.50, "perfect": 1.20}
LABELS = {
    "sequential": "(a) one plain sequential process, all cores",
    "ray_data": "(b) the usual two-actor Ray Data recipe",
    "perfect": "(c) perfect overlap of the bare loops",
}


def measure(folder: Path, rounds: int) -> dict[str, list[dict]]:
    """Every part in turn, round after round, each in a fresh process."""
    found: dict[str, list[dict]] = {name: [] for name in PARTS}
    for _ in range(rounds):
        for name in PARTS:
            command = [sys.executable, "-m", "benchmarks.index", str(folder), "--part", name]
            out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            found[name].append(json.loads(out.splitlines()[-1]))
    return found


def table(found: dict[str, list[dict]]) -> str:
    from trawl.models.precision import settle

    auto = settle("auto", "cpu")
    lines = [_job(found, "trawl", f"auto, which is {auto}"), _job(found, "trawl_fp32", "fp32")]
    lines += [
        f"CPU s of decoding and embedding in the bare loops, fp32: {_median(found, 'perfect', 'decode_cpu_s')} + "
        f"{_median(found, 'perfect', 'embed_cpu_s')}.",
        "",
        "| against, in fp32 | its wall s | the job in fp32 over it | the job as it comes over it | target |",
        "|---|---|---|---|---|",
    ]
    for name, label in LABELS.items():
        whole, ours = (_ratio(found, part, name) for part in ("trawl_fp32", "trawl"))
        lines.append(
            f"| {label} | {_median(found, name, 'wall_s')} | {whole:.2f} | {ours:.2f} | <= {TARGETS[name]:.2f} |"
        )
    return "\n".join(lines)


def _job(found: dict[str, list[dict]], part: str, precision: str) -> str:
    return (
        f"Index job in {precision}: {found[part][0]['frames']} frames in {_median(found, part, 'wall_s')} s once running; apart "
        f"from that start-up {_median(found, part, 'start_up_s')} s, shut-down {_median(found, part, 'shut_down_s')} s; CPU s "
        f"of decoding and embedding {_median(found, part, 'decode_cpu_s')} + {_median(found, part, 'embed_cpu_s')}.\n"
    )


def _ratio(found: dict[str, list[dict]], part: str, other: str) -> float:
    return statistics.median(a["wall_s"] / b["wall_s"] for a, b in zip(found[part], found[other]))


def _median(found: dict[str, list[dict]], part: str, what: str) -> str:
    return f"{statistics.median(run[what] for run in found[part]):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=os.environ.get("REAL_VIDEOS"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", choices=PARTS)
    args = parser.parse_args()
    if args.folder is None or not clips(Path(args.folder)):
        parser.error("give a folder of .mp4 clips, or set REAL_VIDEOS")
    if args.part:
        print(json.dumps(PARTS[args.part](Path(args.folder))))
    else:
        print(table(measure(Path(args.folder), args.rounds)))


if __name__ == "__main__":
    main()
