"""Text in, masks out: the tracking job on the demo corpus's test part against its ground truth.

    python -m benchmarks.end_to_end [--root data/end_to_end] [TRACK_OVERRIDES ...]

Every colour and shape that can be seen together in a test video is asked for ("a red star"), over all test videos at once, and
everything that was followed is compared with the truth on every frame of the clips that were searched:

    J, F, J&F   of each true object and its best track, one to one (trackeval's JAndF, as DAVIS 2017; a missed object counts 0)
    identity    share of a matched track's masks that overlap their own object more than any other
    false       tracks that overlap no object of the phrase (mean J below 0.1), per segment

A true object counts where it is seen on at least a tenth of the clip's frames, half of it at once somewhere.
"""

import argparse
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from pycocotools import mask as coco
from rich.console import Console
from scipy.optimize import linear_sum_assignment
from trackeval.metrics.j_and_f import JAndF

from trawl import cli
from trawl.config import IndexConfig, TrackConfig
from trawl.demo import words
from trawl.pipelines import index, track
from trawl.storage import Storage
from trawl.write import read_run

_MATCH = 0.1  # mean J from which a track is one of an object at all
_SEEN, _CLEAR = 0.1, 0.5  # share of frames, and visibility on the best of them, that make an object count


@dataclass
class Scores:
    """Of one kind of query."""

    j: list[float] = field(default_factory=list)
    f: list[float] = field(default_factory=list)
    identity: list[float] = field(default_factory=list)
    false: int = 0
    segments: int = 0

    def line(self, name: str) -> str:
        j, f = np.mean(self.j or [np.nan]), np.mean(self.f or [np.nan])
        found = np.mean([value >= 0.5 for value in self.j] or [np.nan])
        return (
            f"| {name} | {len(self.j)} | {found:.2f} | {j:.3f} | {f:.3f} | {(j + f) / 2:.3f} | "
            f"{np.mean(self.identity or [np.nan]):.3f} | {self.false} in {self.segments} |"
        )


class Truth:
    """The ground truth of the test part: coded masks by video, frame and object."""

    def __init__(self, corpus: Path) -> None:
        rows = pq.read_table(corpus / "truth" / "objects.parquet", filters=[("split", "=", "test")]).to_pylist()
        self.pairs: dict[tuple[str, int], tuple[str, str]] = {}
        self.coded: dict[tuple[str, int], dict[int, dict]] = defaultdict(dict)
        self.visibility: dict[tuple[str, int, int], float] = {}
        for row in rows:
            video, thing, frame = row["video_id"], row["object_id"], row["frame_index"]
            self.pairs[video, thing] = (row["color"], row["shape"])
            if row["area"]:
                rle = {"size": [row["height"], row["width"]], "counts": row["rle"].encode()}
                self.coded[video, frame][thing] = rle
                self.visibility[video, frame, thing] = row["visibility"]

    def phrases(self) -> dict[str, tuple[str, str]]:
        """What can be asked for: phrase -> (colour, shape)."""
        return {words.describe([words.name(*pair)]): pair for pair in sorted(set(self.pairs.values()))}

    def objects(self, video: str, frames: list[int], pair: tuple[str, str]) -> list[int]:
        """Those of a pair that count in a stretch."""
        found = []
        for (its_video, thing), its_pair in self.pairs.items():
            if (its_video, its_pair) == (video, pair):
                seen = [v for frame in frames if (v := self.visibility.get((video, frame, thing)))]
                if len(seen) >= _SEEN * len(frames) and max(seen, default=0) >= _CLEAR:
                    found.append(thing)
        return found


def judge(truth: Truth, plan: track.TrackPlan, masks: list[dict], tracks: list[dict], times: dict) -> dict[str, Scores]:
    """Scores of seen pairs, of pairs that no training picture showed, and of clips without the thing."""
    of_track: dict[str, dict[int, dict]] = defaultdict(dict)
    for row in masks:
        if row["rle"]:
            rle = {"size": [row["height"], row["width"]], "counts": row["rle"].encode()}
            of_track[row["track_id"]][row["frame_index"]] = rle
    of_clip: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in tracks:
        of_clip[row["clip_id"], row["text"]].append(row["track_id"])
    scores = {name: Scores() for name in ("seen pairs", "unseen pairs", "thing absent")}
    pairs = truth.phrases()
    for clip in plan.clips:
        frames = [i for i, t in enumerate(times[clip.video_id]) if clip.start_s <= t < clip.end_s]
        for phrase in dict.fromkeys(target.phrase for target in clip.targets):
            things = truth.objects(clip.video_id, frames, pairs[phrase])
            kind = "unseen pairs" if pairs[phrase] in words.UNSEEN else "seen pairs"
            ids = of_clip[clip.clip_id, phrase]
            _judge_clip(
                truth,
                clip.video_id,
                frames,
                things,
                [of_track[i] for i in ids],
                scores[kind if things else "thing absent"],
            )
    return scores


def _judge_clip(
    truth: Truth, video: str, frames: list[int], things: list[int], tracks: list[dict[int, dict]], into: Scores
) -> None:
    into.segments += 1
    j = np.array([[_mean_j(truth, video, frames, thing, one) for thing in things] for one in tracks])
    j = j.reshape(len(tracks), len(things))
    into.false += int((j.max(axis=1, initial=0.0) < _MATCH).sum())
    best = {int(thing): int(one) for one, thing in zip(*linear_sum_assignment(-j)) if j[one, thing] >= _MATCH}
    for column, thing in enumerate(things):
        track_of = tracks[best[column]] if column in best else {}
        result = _j_and_f(truth, video, frames, thing, track_of)
        into.j.append(float(result["J-Mean"]))
        into.f.append(float(result["F-Mean"]))
        if track_of:
            into.identity.append(_identity(truth, video, thing, track_of))


def _j_and_f(truth: Truth, video: str, frames: list[int], thing: int, one: dict[int, dict]) -> dict:
    """One object and the track that is compared with it, {} for none."""
    real, ours = [truth.coded[video, frame].get(thing) for frame in frames], [one.get(frame) for frame in frames]
    return JAndF().eval_sequence(
        {
            "num_timesteps": len(frames),
            "num_gt_ids": 1,
            "num_tracker_ids": min(len(one), 1),
            "gt_ids": [[0] if rle else [] for rle in real],
            "gt_dets": [[rle] if rle else [] for rle in real],
            "tracker_ids": [[0] if rle else [] for rle in ours],
            "tracker_dets": [[rle] if rle else [] for rle in ours],
        }
    )


def _mean_j(truth: Truth, video: str, frames: list[int], thing: int, one: dict[int, dict]) -> float:
    """Over the frames on which either is seen."""
    values = []
    for frame in frames:
        real, ours = truth.coded[video, frame].get(thing), one.get(frame)
        if real or ours:
            values.append(float(coco.iou([ours], [real], [0])[0, 0]) if real and ours else 0.0)
    return float(np.mean(values)) if values else 0.0


def _identity(truth: Truth, video: str, thing: int, one: dict[int, dict]) -> float:
    kept = []
    for frame, ours in one.items():
        there = truth.coded[video, frame]
        if there:
            overlaps = coco.iou([ours], list(there.values()), [0] * len(there))[0]
            kept.append(bool(overlaps.max() > 0) and list(there)[int(overlaps.argmax())] == thing)
    return float(np.mean(kept)) if kept else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path("data/end_to_end"))
    parser.add_argument("overrides", nargs="*", help="settings of jobs.track, such as tracking.chunk_s=4")
    args = parser.parse_args()
    console, where = Console(stderr=True), [f"storage.root={args.root}"]
    config = cli.compose("index", IndexConfig, ["+dataset=demo", *where])
    index.run(config, console)
    truth = Truth(Path(config.dataset.uri))
    args.root.mkdir(parents=True, exist_ok=True)
    queries = args.root / "queries.txt"
    queries.write_text("\n".join(truth.phrases()) + "\n")
    began = time.perf_counter()
    only_test = "search.where=array_has(path_parts, 'test')"
    overrides = ["+dataset=demo", *where, f"queries={queries}", only_test, *args.overrides]
    run = track.run(cli.compose("track", TrackConfig, overrides), console)
    storage = Storage.open(config.storage)
    plan = track.TrackPlan.from_json(storage.read_bytes(f"demo/runs/{run.run_id}/plan.json"))
    masks, tracks = (dataset.to_table().to_pylist() for dataset in read_run(storage, "demo", run.run_id))
    rows = pq.read_table(
        Path(config.dataset.uri) / "truth" / "objects.parquet", columns=["video_id", "frame_index", "time_s"]
    )
    videos = pq.read_table(Path(config.dataset.uri) / "truth" / "videos.parquet").to_pylist()
    times = {v["video_id"]: np.arange(v["num_frames"]) / v["fps"] for v in videos}
    for row in rows.to_pylist():
        times[row["video_id"]][row["frame_index"]] = row["time_s"]
    total = sum(run.cpu_s.values())
    parts = ", ".join(
        f"{name} {100 * cpu_s / total:.1f} %" for name, cpu_s in sorted(run.cpu_s.items(), key=lambda x: -x[1])
    )
    spent = f"{len(truth.phrases())} phrases, {len(plan.clips)} clips, {run.counts['frames']:,} frames"
    print(f"{spent}, {time.perf_counter() - began:.0f} s. CPU of the actors, {total:.0f} s: {parts}.\n")
    print("| queries | objects | found (J >= 0.5) | J | F | J&F | identity kept | false tracks in segments |")
    print("|---|---|---|---|---|---|---|---|")
    for name, scores in judge(truth, plan, masks, tracks, times).items():
        print(scores.line(name))


if __name__ == "__main__":
    main()
