"""Opens the ground truth of any known format.

demo     the generated corpus's own Parquet files coco     COCO instances of single frames, exported
videos among them ytvis    YouTube-VIS: masks of whole videos mot      MOTChallenge text: boxes and
identities; and MOTS text: masks and identities davis    DAVIS: one indexed PNG per frame
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol

from trawl.config.data import DatasetConfig, StorageConfig
from trawl.errors import TruthError
from trawl.evaluate.truth.coco import open_coco
from trawl.evaluate.truth.davis import open_davis
from trawl.evaluate.truth.demo import DemoTruth
from trawl.evaluate.truth.files import TruthFiles
from trawl.evaluate.truth.indexed import IndexedVideos, StatedFacts
from trawl.evaluate.truth.mot import open_mot
from trawl.evaluate.truth.sequences import SequenceTruth
from trawl.evaluate.truth.ytvis import open_ytvis
from trawl.records.truth import TruthQuery, TruthVideo
from trawl.storage import Storage


class Truth(Protocol):
    """Reads a dataset's ground truth, one video at a time, so that memory stays small."""

    def video_ids(self) -> list[str]:
        """Return every annotated video of the evaluated part, sorted."""
        ...

    def videos(self) -> Iterator[TruthVideo]:
        """Yield all of them, in the order of `video_ids`."""
        ...

    def video(self, video_id: str) -> TruthVideo:
        """Return one video. Raises KeyError if it is not annotated."""
        ...

    def queries(self) -> list[TruthQuery]:
        """Return the texts whose answers are known, sorted, each once."""
        ...

    def stated(self, video_id: str) -> StatedFacts:
        """Return what the ground truth itself says of a video, without reading the masks."""
        ...

    @property
    def whole(self) -> bool:
        """Return whether it claims to annotate every video of the dataset.

        Then a video without ground truth is a mismatch.
        """
        ...


def open_truth(
    config: DatasetConfig, storage: StorageConfig, indexed: IndexedVideos | None = None
) -> Truth:
    """Open the ground truth that `dataset.truth` names.

    Args:
        storage: Endpoint and region for a ground truth on S3.
        indexed: The indexed videos. Every format but the demo's needs them, for times and names.

    Raises:
        TruthError: There is none, or it cannot be read.
    """
    truth = config.truth
    if truth.format is None:
        raise TruthError(
            "the dataset has no ground truth to measure against: say "
            "dataset.truth.format=coco|ytvis|mot|davis and "
            "dataset.truth.uri=...; see docs/ground-truth.md"
        )
    if truth.format == "demo":
        where = truth.uri or f"{config.uri.rstrip('/')}/truth"
        return DemoTruth(
            Storage.open(replace(storage, root=where)), truth.part, truth.unseen or None
        )
    if truth.uri is None:
        raise TruthError(
            f"dataset.truth.format={truth.format} is of a file or folder: say which with "
            "dataset.truth.uri=..."
        )
    files, indexed = TruthFiles(truth.uri, storage), indexed or IndexedVideos()
    if truth.format == "davis":
        sequences, kind = open_davis(files, truth.part, truth.first_frame, indexed)
        return SequenceTruth(sequences, indexed, kind, truth.unseen)
    opener = {"coco": open_coco, "ytvis": open_ytvis, "mot": open_mot}[truth.format]
    return SequenceTruth(
        opener(files, truth.part, truth.first_frame), indexed, "category", truth.unseen
    )


def trackable(queries: Sequence[TruthQuery]) -> list[TruthQuery]:
    """Return the queries that tracking is measured with: one thing each, and whole pairs.

    A colour or a size alone names things that another query names too, so tracking them again would
    measure nothing new.
    """
    kinds = {"kind=pair", "kind=category", "kind=expression"}
    return [
        query
        for query in queries
        if len(next(iter(query.groups.values()), ())) == 1 and kinds & set(query.slices)
    ]
