"""Measures what tracking and indexing cost, from the `run.json` of both jobs.

Times and memory are those of the run, on its machine and beside whatever else ran there; runs on
other machines do not compare. CPU seconds are of all processes that work on videos. GPU seconds are
those for which GPUs were reserved. A "video hour" is an hour of presentation time: of clips for
tracking, of whole videos for indexing. Results that a run reused count at the CPU seconds that
computing them took, so settings compare whichever was tried first. Wall time and GPU seconds of
such a run say nothing of its settings and are null.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from trawl.evaluate.measured import Measured
from trawl.records.truth import Metric
from trawl.runtime.run_file import SavedRun

_FAMILY = "cost"
_HOUR_S = 3600.0
_INDEX_RUNS = 20  # the latest, among which the one that embedded most is taken
_NO_GPU = "no GPU was used"
_REUSED = "parts of this run were taken from earlier ones: reuse=false measures it"
_UNKNOWN = "an older version of Trawl made this run and did not write it down"


def measured(track: SavedRun, index: SavedRun | None, indexed_s: float | None = None) -> Measured:
    """Measure speed, memory and resources of a tracking run and of the index that it used.

    Args:
        track: run.json of jobs.track.
        index: run.json of jobs.index, or None if there is none; see `index_record`.
        indexed_s: Duration of the indexed videos, for records that lack it.
    """
    metrics = [*_tracking(track), *_memory(track, "", ("track_actor", "decoder"))]
    if index is None:
        return Measured(
            [
                *metrics,
                _metric(
                    "index_cpu_s_per_video_hour",
                    None,
                    "no run.json of the index's making is left",
                    "s",
                ),
            ]
        )
    return Measured(
        [
            *metrics,
            *_indexing(index, indexed_s),
            *_memory(index, "index_", ("decode_actor", "decoder")),
        ]
    )


def index_record(records: Iterable[SavedRun], recipe: str) -> SavedRun | None:
    """Return the index run that embedded most frames with a recipe, or None.

    Args:
        records: run.json of index runs, the latest first.
    """
    candidates = [record for record in records if record.recipe == recipe and _frames(record)][
        :_INDEX_RUNS
    ]
    return max(candidates, key=_frames, default=None)


def _frames(index: SavedRun) -> int:
    return int(index.frames.get("embedded", 0))


def _tracking(run: SavedRun) -> Iterator[Metric]:
    counts, cpu_by_part = run.counts, _cpu_s(run)
    frames, rows, video_s = counts.get("frames", 0), counts.get("rows"), run.video_s
    cpu_s, saved_s = sum(cpu_by_part.values()), sum(run.saved_cpu_s.values())
    yield _ratio("cpu_ms_per_frame", cpu_s, frames, "frame", "ms", 1000, count=frames)
    yield _ratio("object_frames_per_cpu_s", rows, cpu_s, "work", "1/s", better="higher", count=rows)
    yield _ratio("cpu_s_per_video_hour", cpu_s, video_s, "video", "s", _HOUR_S)
    for part, spent in sorted(cpu_by_part.items()):
        yield _ratio("cpu_s_per_video_hour", spent, video_s, "video", "s", _HOUR_S, f"part={part}")
    yield _ratio("cpu_saved_share", saved_s, cpu_s, "work", "", better="")
    if saved_s:
        yield from (
            replace(metric, value=None, why=_REUSED, count=None) for metric in _clocked(run)
        )
    else:
        yield from _clocked(run)
    yield _ratio(
        "bytes_per_object_frame", counts.get("bytes_written"), rows, "object", "bytes", count=rows
    )
    yield _ratio(
        "bytes_per_video_hour", counts.get("bytes_written"), video_s, "video", "bytes", _HOUR_S
    )
    yield _query_latency(run)


def _clocked(run: SavedRun) -> Iterator[Metric]:
    """Yield the metrics of wall time and of reserved GPUs."""
    counts, work_s, video_s = run.counts, run.seconds.get("work"), run.video_s
    frames, rows = counts.get("frames", 0), counts.get("rows")
    actor_s = sum(run.actor_s.values()) if run.actor_s is not None else None
    yield _ratio("latency_ms_per_frame", actor_s, frames, "frame", "ms", 1000, count=frames)
    yield _ratio("object_frames_per_s", rows, work_s, "work", "1/s", better="higher", count=rows)
    yield _ratio("wall_s_per_video_hour", work_s, video_s, "video", "s", _HOUR_S)
    yield _gpu("gpu_s_per_video_hour", run, video_s)
    held_s = _held(run)
    if held_s:
        yield _ratio("gpu_busy_share", run.gpu_s, held_s, "work", "", better="higher")
    else:
        yield _metric(
            "gpu_busy_share", None, _NO_GPU if held_s == 0 else _UNKNOWN, "", better="higher"
        )


def _cpu_s(run: SavedRun) -> dict[str, float]:
    """Return CPU seconds by part, including those that an earlier run spent for this one."""
    return dict(Counter(run.cpu_s) + Counter(run.saved_cpu_s))


def _query_latency(run: SavedRun) -> Metric:
    name = "query_latency_ms"
    if run.clips.get("finished_before"):
        return _metric(
            name, None, "the run continued an earlier run, which had searched already", "ms"
        )
    texts = len(run.texts)
    return _ratio(name, run.seconds.get("search"), texts, "text", "ms", 1000, count=texts)


def _indexing(run: SavedRun, indexed_s: float | None) -> Iterator[Metric]:
    frames, cpu_s, work_s = _frames(run), sum(run.cpu_s.values()), run.seconds.get("work")
    video_s = run.video_s or indexed_s
    yield _ratio("index_frames_per_s", frames, work_s, "work", "1/s", better="higher", count=frames)
    yield _ratio(
        "index_frames_per_cpu_s", frames, cpu_s, "work", "1/s", better="higher", count=frames
    )
    yield _ratio("index_wall_s_per_video_hour", work_s, video_s, "video", "s", _HOUR_S)
    yield _ratio("index_cpu_s_per_video_hour", cpu_s, video_s, "video", "s", _HOUR_S)
    for part, spent in sorted(run.cpu_s.items()):
        yield _ratio(
            "index_cpu_s_per_video_hour", spent, video_s, "video", "s", _HOUR_S, f"part={part}"
        )
    yield _gpu("index_gpu_s_per_video_hour", run, video_s)


def _held(run: SavedRun) -> float | None:
    """Return the seconds for which GPUs were reserved, or None if that is unknown."""
    return None if run.gpus is None else run.gpus * run.seconds.get("work", 0.0)


def _gpu(name: str, run: SavedRun, video_s: float | None) -> Metric:
    held_s = _held(run)
    if held_s == 0:
        return _metric(name, None, _NO_GPU, "s")
    return _ratio(name, held_s, video_s, "video", "s", _HOUR_S)


def _memory(run: SavedRun, prefix: str, together: tuple[str, str]) -> Iterator[Metric]:
    """Yield the peak of each kind of process, and of one actor with its decoding process."""
    peaks = run.peak_mb
    name = f"{prefix}peak_mb"
    missing = [kind for kind in together if not peaks.get(kind)]
    if missing:
        yield _metric(
            name, None, f"no peak of the {missing[0].replace('_', ' ')} is known of this run", "MiB"
        )
    else:
        yield _metric(name, sum(peaks[kind] for kind in together), "", "MiB")
    for kind, peak in sorted(peaks.items()):
        yield _metric(name, float(peak), "", "MiB", f"process={kind}")


def _ratio(
    name: str,
    top: float | None,
    bottom: float | None,
    of_what: str,
    unit: str,
    scale: float = 1.0,
    slice_: str = "all",
    better: str = "lower",
    count: int | None = None,
) -> Metric:
    """Return scale * top / bottom, null if either is unknown or bottom is 0."""
    if top is None or bottom is None:
        return _metric(name, None, _UNKNOWN, unit, slice_, better)
    if not bottom:
        return _metric(name, None, f"this run had no {of_what}", unit, slice_, better)
    return _metric(name, scale * top / bottom, "", unit, slice_, better, count)


def _metric(
    name: str,
    value: float | None,
    why: str,
    unit: str,
    slice_: str = "all",
    better: str = "lower",
    count: int | None = None,
) -> Metric:
    return Metric(_FAMILY, name, value, slice_, why, unit, better, count)
