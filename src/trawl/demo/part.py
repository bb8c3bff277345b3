"""Makes some of a demo corpus's videos: the work of one process, started by `corpus.py` as `python
-m trawl.demo.part`.

    python -m trawl.demo.part FOLDER SEED INDEX[,INDEX...]

For each index it writes `videos/<video_id>` and `parts/<index>.objects.parquet` and
`.videos.parquet` below FOLDER, then prints the index on a line of its own. A process of its own,
not a fork and not multiprocessing: nothing of the caller's threads comes along, and it works from a
notebook and from standard input too.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from trawl import schemas
from trawl.demo.plan import VideoPlan, plan_video
from trawl.demo.render import Canvas
from trawl.demo.truth import Row, object_rows, video_row
from trawl.draw.video import write_mp4


def make_video(folder: Path, plan: VideoPlan) -> tuple[list[Row], Row]:
    """Write the video's file; its truth, object rows and video row."""
    path = folder / "videos" / plan.video_id
    path.parent.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    write_mp4(path, _drawn(plan, rows), plan.ticks, plan.time_base, plan.rotation_deg)
    return rows, video_row(plan, rows)


def _drawn(plan: VideoPlan, rows: list[Row]) -> Iterator[NDArray[np.uint8]]:
    """The pictures in order; each one's truth goes to `rows` as it is drawn."""
    canvas = Canvas(plan.scene, *plan.size)
    for frame_index, time_s in enumerate(plan.times_s):
        picture = canvas.at(time_s)
        rows.extend(object_rows(plan, frame_index, time_s, picture))
        yield picture.image


def main(folder: Path, seed: int, indices: list[int]) -> None:
    cv2.setNumThreads(1)
    for index in indices:
        rows, video = make_video(folder, plan_video(seed, index))
        parts = folder / "parts"
        parts.mkdir(exist_ok=True)
        pq.write_table(
            pa.Table.from_pylist(rows, schemas.TRUTH_OBJECTS), parts / f"{index}.objects.parquet"
        )
        pq.write_table(
            pa.Table.from_pylist([video], schemas.TRUTH_VIDEOS), parts / f"{index}.videos.parquet"
        )
        sys.stdout.write(f"{index}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), [int(index) for index in sys.argv[3].split(",")])
