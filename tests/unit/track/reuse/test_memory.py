"""A note on a clip is found for that clip alone."""

from dataclasses import replace
from pathlib import Path

from trawl.config.data import StorageConfig
from trawl.records.tracking import Clip, Target
from trawl.storage import Storage
from trawl.track.reuse.memory import FollowedClips

CLIP = Clip("abc", "v.mp4", "/v.mp4", "f", 0.0, 4.0, (Target("red", 0.25, 1.0),))


def test_notes(tmp_path: Path) -> None:
    clips = FollowedClips(Storage.open(StorageConfig(root=str(tmp_path))), "demo/cache/followed/k")
    assert clips.find(CLIP) is None
    clips.note(CLIP, "run", {"tracks": 3})
    assert clips.find(CLIP) == {"run_id": "run", "tracks": 3}
    # its tracks would say 0.25
    assert clips.find(replace(CLIP, targets=(Target("red", 0.26, 1.0),))) is None
    for path in (tmp_path / "demo/cache/followed/k").iterdir():
        path.write_text("[1, 2")
    assert clips.find(CLIP) is None
