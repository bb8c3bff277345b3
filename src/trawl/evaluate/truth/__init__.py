"""Ground truth of any known format, as the records that the metrics read.

demo     the generated corpus's own Parquet files
coco     COCO instances of single frames, exported videos among them
ytvis    YouTube-VIS: masks of whole videos
mot      MOTChallenge text: boxes and identities
davis    DAVIS: one indexed PNG a frame
"""

from collections.abc import Iterator
from typing import Protocol

from trawl.records import TruthQuery, TruthVideo


class Truth(Protocol):
    """A dataset's ground truth. Reads a video when it is asked for, so that memory does not grow with the dataset."""

    def video_ids(self) -> list[str]:
        """Every annotated video of the part that is evaluated, sorted."""
        ...

    def videos(self) -> Iterator[TruthVideo]:
        """All of them, in the order of `video_ids`."""
        ...

    def video(self, video_id: str) -> TruthVideo:
        """One of them. Raises KeyError for a video that is not annotated."""
        ...

    def queries(self) -> list[TruthQuery]:
        """The texts whose answers it knows, sorted by text, each once."""
        ...
