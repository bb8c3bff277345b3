"""Each sampling policy against plain decord loops over the same real clips, on one thread; and
memory against length.

    loop     decord, every picture in order, none of them resized or kept
    batch    decord's get_batch of the same frames as ours, resized by Pillow as open_clip does;
             scenes: `loop`, since
             decord has no shot detection and every picture must be seen

Rounds take turns, and the figure is the median round's. Time is CPU time, since both sides are one
thread and the machine may not be idle; the last table gives wall time of the sandbox beside that of
the same work without it.

    python -m benchmarks.decode FOLDER [--rounds 3]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from trawl.config.data import DecodeConfig, SamplingConfig
from trawl.records.video import DecodeReport, ImageSpec

SPEC = ImageSpec(224, "center_crop")
LIMITS = DecodeConfig()
POLICIES = {
    "interval, 0.5 s": SamplingConfig("interval", every_s=0.5),
    "interval, 2 s": SamplingConfig("interval", every_s=2.0),
    "keyframes": SamplingConfig("keyframes"),
    "scenes": SamplingConfig("scenes"),
}
LENGTHS = (1, 10, 60)  # times the first clip


def ours(path: Path, sampling: SamplingConfig) -> int:
    """-> pictures in the file."""
    from trawl.decode.reader import read

    for item in read(path, sampling, SPEC, LIMITS):
        if isinstance(item, DecodeReport):
            return len(item.probe.times_s)
    raise AssertionError("a reader ends with a report")


def loop(path: Path) -> int:
    import decord

    reader = decord.VideoReader(str(path), num_threads=1)
    for _ in range(len(reader)):
        reader.next()
    return len(reader)


def batch(path: Path, sampling: SamplingConfig) -> int:
    import decord
    from PIL import Image

    from trawl.decode.container import identify
    from trawl.decode.probe import probe
    from trawl.decode.sampling import PLANNED, plan

    if sampling.policy not in PLANNED:
        return loop(path)
    facts = probe(path, identify(path, LIMITS), LIMITS)
    reader = decord.VideoReader(str(path), num_threads=1)
    for picture in reader.get_batch(plan(facts.times_s, facts.keyframe, sampling)).asnumpy():
        image = Image.fromarray(picture)
        short = min(image.size)
        image = image.resize(
            (224 * image.width // short, 224 * image.height // short), Image.Resampling.BICUBIC
        )
        left, top = (image.width - 224) // 2, (image.height - 224) // 2
        image.crop((left, top, left + 224, top + 224))
    return len(reader)


def rate(work: Callable[[Path], int], clips: list[Path]) -> float:
    """Pictures of the files per CPU second."""
    start = time.process_time()
    return sum(work(path) for path in clips) / (time.process_time() - start)


def speed(clips: list[Path], rounds: int) -> None:
    print(
        "| sampling | source frames/s | against a plain decord loop | against decord get_batch + Pillow |"
    )
    print("|---|---|---|---|")
    for name, sampling in POLICIES.items():
        works = (
            lambda path, s=sampling: ours(path, s),
            loop,
            lambda path, s=sampling: batch(path, s),
        )
        rates = [[rate(work, clips) for work in works] for _ in range(rounds)]
        mine, plain, batched = (statistics.median(column) for column in zip(*rates, strict=True))
        print(
            f"| {name} | {mine:.0f} | {mine / plain:.2f} ({plain:.0f}) | {mine / batched:.2f} ({batched:.0f}) |"
        )


def sandboxed(clips: list[Path], rounds: int) -> None:
    from trawl.decode.sandbox import DecodeSandbox

    sampling = POLICIES["interval, 0.5 s"]
    inside, outside = [], []
    with DecodeSandbox(LIMITS) as box:
        box.probe(clips[0])
        for _ in range(rounds):
            start = time.perf_counter()
            for path in clips:
                for _ in box.decode(path, sampling, SPEC):
                    pass
            middle = time.perf_counter()
            for path in clips:
                ours(path, sampling)
            inside.append(middle - start)
            outside.append(time.perf_counter() - middle)
    boxed, plain = min(inside), min(outside)  # wall time on a machine that may be busy
    print(
        f"| {len(clips)} clips, a frame every 0.5 s | {boxed:.2f} | {plain:.2f} | {boxed / plain:.2f} |"
    )


def repeated(path: Path, times: int, to: Path) -> Path:
    """The same clip again and again as one file, not encoded again."""
    import av

    with av.open(str(to), "w") as out:
        stream, end = None, 0
        for _ in range(times):
            with av.open(str(path)) as source:
                template = source.streams.video[0]
                stream = stream or out.add_stream_from_template(template)
                packets = [packet for packet in source.demux(template) if packet.dts is not None]
                offset = end - packets[0].dts
                for packet in packets:
                    packet.pts, packet.dts, packet.stream = (
                        packet.pts + offset,
                        packet.dts + offset,
                        stream,
                    )
                    end = packet.dts + (packet.duration or 1)
                    out.mux(packet)
    return to


def memory(clip: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for policy in ("interval, 0.5 s", "scenes"):
            peaks = []
            for times in LENGTHS:
                path = repeated(clip, times, Path(folder) / f"{times}.mp4")
                command = [sys.executable, "-m", "benchmarks.decode", str(path), "--peak", policy]
                peaks.append(
                    int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                )
            cells = " | ".join(f"{peak} MiB" for peak in peaks)
            print(f"| {policy} | {cells} | {peaks[-1] / peaks[0]:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", default=os.environ.get("REAL_VIDEOS"), type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peak", choices=POLICIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder is None:
        parser.error("give a folder of .mp4 clips, or set REAL_VIDEOS")
    if options.peak:
        ours(options.folder, POLICIES[options.peak])
        status = Path(
            "/proc/self/status"
        ).read_text()  # getrusage would report the peak of whoever started this process
        print(int(status.partition("VmHWM:")[2].split()[0]) // 1024)
        return
    clips = sorted(options.folder.glob("*.mp4"))
    for work in (loop, lambda path: ours(path, POLICIES["scenes"])):
        work(clips[0])  # imports and caches
    print("Pictures of the file per CPU second, one thread; in brackets those of the other side.\n")
    speed(clips, options.rounds)
    print("\n| work | sandboxed, wall s | in process, wall s | ratio |\n|---|---|---|---|")
    sandboxed(clips, options.rounds)
    print(f"\nPeak memory of the decoding process, by length ({clips[0].stem}, repeated):\n")
    print(
        "| sampling | " + " | ".join(f"{times} x" for times in LENGTHS) + " | longest / shortest |"
    )
    print("|---|" + "---|" * (len(LENGTHS) + 1))
    memory(clips[0])


if __name__ == "__main__":
    main()
