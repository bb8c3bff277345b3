"""Ray is started patiently, and nobody else's is joined unasked."""

import pytest

from trawl.config.models import ResourcesConfig
from trawl.runtime import session as runtime


def test_a_slow_start_of_ray_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def slow(**options: int) -> None:
        tried.append(options)
        if len(tried) < 3:
            raise Exception("The current node timed out during startup.")

    monkeypatch.setattr(runtime.ray, "init", slow)
    monkeypatch.setattr(runtime.ray, "shutdown", lambda: None)
    runtime.start(num_cpus=2)
    assert tried == [{"num_cpus": 2}] * 3
    monkeypatch.setattr(
        runtime.ray, "init", lambda **options: (_ for _ in ()).throw(ValueError("no such address"))
    )
    with pytest.raises(ValueError, match="no such address"):
        runtime.start()


@pytest.mark.parametrize(
    ("address", "asked"),
    [(None, "local"), ("auto", "auto"), ("ray://head:10001", "ray://head:10001")],
)
def test_without_an_address_no_other_s_ray_is_joined(
    address: str | None, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(runtime.ray, "init", lambda **options: seen.append(options["address"]))
    monkeypatch.setattr(runtime.ray, "is_initialized", lambda: False)
    with runtime.ray_session(ResourcesConfig(address=address)):
        assert seen == [asked]
