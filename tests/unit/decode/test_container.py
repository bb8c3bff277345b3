import pytest

from trawl.config.data import DecodeConfig
from trawl.decode.container import Damage, identify, is_cut_short
from trawl.errors import VideoError
from trawl.records.video import Reason


def test_damage_counts_each_cause_once():
    damage = Damage("first")
    for cause in ("b", "a", "b"):
        damage.add(cause)
    assert str(damage) == "first; b (2 times); a"
    assert str(Damage()) == ""


def test_damage_does_not_list_for_ever():
    damage = Damage()
    for cause in range(20):
        damage.add(f"cause {cause}")
    assert str(damage) == "cause 0; cause 1; cause 2; cause 3; and 16 more"


@pytest.mark.parametrize("share", [0.9999, 0.9, 0.5, 0.1, 0.01])
@pytest.mark.parametrize("name", ["plain.mp4", "faststart.mp4", "fragmented.mp4"])
def test_an_mp4_says_when_it_is_cut_short(clip, tmp_path, name, share):
    data = clip(name).read_bytes()
    path = tmp_path / name
    path.write_bytes(data)
    assert not is_cut_short(path, "mp4")
    path.write_bytes(data[: int(len(data) * share)])
    assert is_cut_short(path, "mp4")


def test_identify_maps_the_systems_errors(tmp_path):
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(VideoError) as caught:
            identify(path, DecodeConfig())
        assert caught.value.reason is Reason.UNREADABLE
