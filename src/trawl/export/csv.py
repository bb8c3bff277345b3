"""Two CSV files for spreadsheets and scripts: `objects.csv`, a row per object and frame, and
`tracks.csv`, a row per track.

Masks are compressed RLE at height x width (read that column as text: a small mask's may look like a
number), flags are joined by a space. Spreadsheets run cells that begin like a formula; a video's
name and a phrase are not ours, so such a text gets a leading quote. Numbers and masks stay as they
are.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable
from typing import Any

from trawl.draw.spreadsheet import guarded
from trawl.export.stretch import Categories, Instance, Object, Put, Stretch

_OBJECTS = "split video_id track_id text category_id frame_index time_s x1 y1 x2 y2 area score visibility flags height width rle"
_TRACKS = "split video_id uri track_id text category_id start_index end_index start_s end_s rows mean_score"


def write(stretches: Iterable[Stretch], categories: Categories, put: Put) -> Counter[str]:
    """Both files, all splits in each."""
    rows, tracks = io.StringIO(newline=""), io.StringIO(newline="")
    to_rows, to_tracks = csv.writer(rows), csv.writer(tracks)
    to_rows.writerow(_OBJECTS.split())
    to_tracks.writerow(_TRACKS.split())
    for stretch in stretches:
        objects = {thing.number: thing for thing in stretch.objects}
        of_track: dict[int, list[Instance]] = {number: [] for number in objects}
        for one in stretch.instances:
            of_track[one.number].append(one)
            to_rows.writerow(_row(one, objects[one.number], stretch))
        to_tracks.writerows(
            _track(objects[number], found, stretch) for number, found in of_track.items()
        )
    put("objects.csv", rows.getvalue().encode())
    put("tracks.csv", tracks.getvalue().encode())
    return Counter()


def _row(one: Instance, thing: Object, stretch: Stretch) -> list[Any]:
    own = [guarded(stretch.video_id), one.track_id, guarded(thing.text), one.category_id]
    where = [one.frame_index, one.time_s, *one.box, one.area, one.score]
    return [
        stretch.split,
        *own,
        *where,
        one.visibility.value,
        " ".join(one.flags),
        stretch.height,
        stretch.width,
        one.rle,
    ]


def _track(thing: Object, rows: list[Instance], stretch: Stretch) -> list[Any]:
    own = [
        guarded(stretch.video_id),
        guarded(stretch.uri),
        thing.track_id,
        guarded(thing.text),
        thing.category_id,
    ]
    first, last = rows[0], rows[-1]
    scores = [one.score for one in rows if one.rle is not None]
    mean = sum(scores) / len(scores) if scores else None
    return [
        stretch.split,
        *own,
        first.frame_index,
        last.frame_index,
        first.time_s,
        last.time_s,
        len(rows),
        mean,
    ]
