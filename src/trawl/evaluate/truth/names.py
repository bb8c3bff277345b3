"""Matches a ground truth's sequences with indexed videos, which are rarely spelt alike.

These are tried in turn, and the first that matches decides: the video's id; the id without its
suffix; the id as an export names a folder; the file's name; the file's name without its suffix.
Then the same with the last part of the sequence's name. Two videos that match equally well are an
error, never a guess.
"""

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import PurePosixPath

from trawl.errors import TruthError
from trawl.records.video import safe_name

_SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    lambda video_id: (
        str(PurePosixPath(video_id).with_suffix("")) if PurePosixPath(video_id).name else video_id
    ),
    safe_name,
    lambda video_id: PurePosixPath(video_id).name,
    lambda video_id: PurePosixPath(video_id).stem,
)


class Names:
    """Looks up indexed videos under several spellings."""

    def __init__(self, video_ids: Iterable[str]) -> None:
        self._video_ids = list(video_ids)
        self._spelt = cache(self._spell)

    def find(self, sequence: str) -> str | None:
        """Return the video of a sequence, or None if no name matches.

        Raises:
            TruthError: Several videos match.

        >>> Names(["cam 1/a.mp4", "cam 2/b.mp4"]).find("b"), Names(["a.mp4"]).find("c")
        ('cam 2/b.mp4', None)
        """
        for name in dict.fromkeys((sequence, PurePosixPath(sequence).name)):
            for number in range(len(_SPELLINGS)):
                video_ids = self._spelt(number).get(name, ())
                if len(video_ids) > 1:
                    raise TruthError(
                        f"the ground truth's {sequence} may be {video_ids[0]} or {video_ids[1]}"
                        f"{f' or {len(video_ids) - 2} more' if len(video_ids) > 2 else ''}: name "
                        "it by its path inside the dataset"
                    )
                if video_ids:
                    return video_ids[0]
        return None

    def _spell(self, number: int) -> dict[str, list[str]]:
        spelt: dict[str, list[str]] = {}
        for video_id in self._video_ids:
            spelt.setdefault(_SPELLINGS[number](video_id), []).append(video_id)
        return spelt
