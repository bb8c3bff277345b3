"""Errors cross processes, and their messages help."""

import pickle

from trawl.errors import VideoError, did_you_mean
from trawl.records.video import Reason


def test_video_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(VideoError(Reason.CORRUPT, "no picture")))
    assert (error.reason, error.message, str(error)) == (
        Reason.CORRUPT,
        "no picture",
        "corrupt: no picture",
    )


def test_nearest_name_is_offered_first() -> None:
    assert did_you_mean("folde", ["demo", "folder"]).startswith("did you mean 'folder'?")
    assert did_you_mean("hota", ["hota_masks", "iou"]).startswith("did you mean 'hota_masks'?")
    assert (
        did_you_mean("xyz", ["demo", "folder"])
        == did_you_mean("", ["demo", "folder"])
        == "one of: demo, folder"
    )
