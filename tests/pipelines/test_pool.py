"""A pool's actors on a real local Ray: which deaths before they are up are borne, and what is said
of the others.
"""

import os
from pathlib import Path

import pytest
from ray.exceptions import RayActorError

from trawl.errors import RoomError
from trawl.runtime import pool as module
from trawl.runtime.pool import Pool

pytestmark = pytest.mark.usefixtures("local_ray")


class Weak:
    """Dies before it is up, as often as there are marks."""

    def __init__(self, marks: Path) -> None:
        self._marks = marks

    def ready(self) -> str:
        if left := list(self._marks.iterdir()):
            left[0].unlink()
            os._exit(1)
        return "up"


class Broken:
    def __init__(self) -> None:
        raise ZeroDivisionError("a bug")

    def ready(self) -> None: ...


def weak(folder: Path, deaths: int) -> Pool[Weak]:
    for number in range(deaths):
        (folder / str(number)).touch()
    return Pool(Weak, 1, (folder,), num_cpus=0)


def test_two_deaths_are_borne(tmp_path: Path) -> None:
    assert weak(tmp_path, 2).ready() == ["up"]


def test_the_third_is_not(tmp_path: Path) -> None:
    with pytest.raises(
        RoomError, match="Weak died 3 times before it was up, most likely for want of memory"
    ):
        weak(tmp_path, 4).ready()
    assert len(list(tmp_path.iterdir())) == 1


def test_deaths_with_a_node_are_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(
        [{"a", "b", "c", "d", "e"}, {"b", "c", "d", "e"}, {"c", "d", "e"}, {"d", "e"}, {"e", "f"}]
    )
    monkeypatch.setattr(module, "_nodes", lambda: next(left))
    assert weak(tmp_path, 4).ready() == ["up"]


def test_one_that_cannot_be_made_is_a_bug() -> None:
    with pytest.raises(RayActorError, match="ZeroDivisionError"):
        Pool(Broken, 1, (), num_cpus=0).ready()
