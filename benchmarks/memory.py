"""Memory that must not grow: the driver's with the number of videos, a decode actor's with the
length of one.

Runs the index job with the fake embedder over generated corpora and reads the peaks from its
run.json. The decoding child's own peak is in benchmarks/decode.py.

    python -m benchmarks.memory [--videos 100 1000] [--minutes 2 20]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def write_clip(path: Path, seconds: float, fps: int = 10, size: int = 128) -> None:
    """A moving gradient in H.264; cheap to make, long if need be."""
    import av
    import numpy as np

    ramp = np.arange(size, dtype=np.uint8)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(
            "libx264",
            rate=fps,
            width=size,
            height=size,
            pix_fmt="yuv420p",
            options={"preset": "ultrafast"},
        )
        for i in range(round(seconds * fps)):
            picture = np.repeat(np.tile(np.roll(ramp, i), (size, 1))[:, :, None], 3, 2)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))


def peaks(folder: Path, *overrides: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as root:
        command = [
            sys.executable,
            "-m",
            "jobs.index",
            "+dataset=folder",
            f"dataset.uri={folder}",
            "dataset.name=bench",
        ]
        command += [f"storage.root={root}", "embedder=fake", *overrides]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        run = json.loads(next(Path(root).glob("bench/runs/*/run.json")).read_text())
    assert run["outcomes"].get("failed", 0) == 0
    return run["peak_mb"]


def by_count(counts: list[int]) -> list[tuple[str, dict[str, float]]]:
    found = []
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            first = Path(folder) / "0.mp4"
            write_clip(first, 1.0)
            for i in range(1, count):
                os.link(first, Path(folder) / f"{i}.mp4")
            found.append((f"{count:,} videos of 1 s", peaks(Path(folder))))
    return found


def by_length(minutes: list[float]) -> list[tuple[str, dict[str, float]]]:
    found = []
    for length in minutes:
        with tempfile.TemporaryDirectory() as folder:
            write_clip(Path(folder) / "long.mp4", 60 * length)
            # One span, so that one actor sees the whole length; five frames a second, so that there
            # is much to hold.
            found.append(
                (
                    f"one video of {length:g} min",
                    peaks(Path(folder), "decode.span_s=1e6", "sampling.every_s=0.2"),
                )
            )
    return found


def table(rows: list[tuple[str, dict[str, float]]]) -> str:
    lines = ["| corpus | driver MiB | decode actor MiB |", "|---|---|---|"]
    lines += [
        f"| {name} | {peak['driver']:.0f} | {peak['decode_actor']:.0f} |" for name, peak in rows
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--videos", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--minutes", type=float, nargs="+", default=[2, 20])
    args = parser.parse_args()
    print(table(by_count(args.videos) + by_length(args.minutes)))


if __name__ == "__main__":
    main()
