"""Peak memory of tracking a clip of 2,000 frames over that of one of 200.

    python -m benchmarks.track_memory [--frames 200 6000]

The same objects on the same scene, the demo's models, one actor's work in a process of its own for
each clip (no Ray: its own processes would hide the difference). Pictures are held a chunk at a
time, and a quarter of the next; rows of tracks are little. What grows is what the C library keeps
of blocks that were freed: docs/tracking.md.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

LENGTHS = [200, 2000]
TARGET = 1.1
FPS = 25


def draw(path: Path, frames: int) -> None:
    """A red star and three other things that wander about for as long as it takes."""
    import numpy as np

    from trawl.demo.render import Canvas
    from trawl.demo.scene import sample
    from trawl.draw.video import write_mp4

    pairs = [("red", "star"), ("blue", "ring"), ("green", "cross"), ("white", "heart")]
    canvas = Canvas(sample(np.random.default_rng(3), pairs, frames / FPS), 240, 320)
    pictures = (canvas.at(index / FPS).image for index in range(frames))
    write_mp4(path, pictures, range(frames), Fraction(1, FPS))


def track(path: Path, frames: int) -> dict:
    from trawl import cli
    from trawl.config.jobs import TrackConfig
    from trawl.config.models import EmbedderConfig
    from trawl.models.clip import embedders as registry
    from trawl.records.tracking import Clip, Target
    from trawl.records.video import Recipe
    from trawl.table.publish import Published
    from trawl.track import job as pipeline
    from trawl.track.actor import TrackActor
    from trawl.track.task import TrackTask

    embedder = registry.resolve(EmbedderConfig("openclip", "trawl-demo-clip", "builtin"))
    published = Published(
        1, "bench", Recipe(embedder.identity(), {}, "auto"), 1, 1, 1, 1, "", None, ""
    )
    overrides = [
        "+dataset=demo",
        f"storage.root={path.parent}",
        "text=a red star",
        "grounder.max_objects=2",
    ]
    config = cli.compose("track", TrackConfig, overrides)
    job = pipeline._job(config, published, "bench", ["a red star"], f"of-{frames}")
    clip = Clip("clip", path.name, str(path), "", 0.0, 1e9, (Target("a red star", 1.0, 1.0),))
    done = TrackActor(job.models).process(TrackTask(job, clip, clip.uri))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"frames": done.frames, "masks": done.masks, "peak_mb": peak}


def measure(frames: int, folder: Path) -> dict:
    path = folder / f"{frames}.mp4"
    draw(path, frames)
    command = [sys.executable, "-m", "benchmarks.track_memory", "--track", str(path), str(frames)]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(out.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--frames", nargs=2, type=int, default=LENGTHS, help="of the short clip and of the long one"
    )
    parser.add_argument("--track", nargs=2, metavar=("VIDEO", "FRAMES"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.track:
        print(json.dumps(track(Path(args.track[0]), int(args.track[1]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        short, long = (measure(frames, Path(folder)) for frames in args.frames)
    print("| frames | masks | peak MiB of the tracking process |\n|---|---|---|")
    for found in (short, long):
        print(f"| {found['frames']:,} | {found['masks']:,} | {found['peak_mb']:.0f} |")
    print(f"\n{long['peak_mb'] / short['peak_mb']:.2f} times the memory (target: at most {TARGET})")


if __name__ == "__main__":
    main()
