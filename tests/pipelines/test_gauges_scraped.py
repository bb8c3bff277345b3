"""Ray's own Prometheus endpoint shows what an index job does while it works."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from small_videos import write_video

# A process of its own: the suite's shared Ray was started before, and reports every ten seconds.
_JOB = textwrap.dedent(
    """
    import sys, time, urllib.request
    import ray
    from rich.console import Console
    from trawl import cli
    from trawl.config.jobs import IndexConfig
    from trawl.index.job import run

    node = ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20,
                    _system_config={"metrics_report_interval_ms": 1000})
    corpus, root = sys.argv[1:]
    base = ["+dataset=folder", f"dataset.uri={corpus}", "dataset.name=test", f"storage.root={root}", "embedder=fake"]
    base += ["sampling.every_s=0.5", "resources.decode_actors=1", "resources.embed_actors=1"]
    run(cli.compose("index", IndexConfig, base), Console(quiet=True))
    (port,) = [node["MetricsExportPort"] for node in ray.nodes()]
    for _ in range(60):
        time.sleep(1)
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
        if "ray_trawl_published_number" in text:
            break
    print(text)
    """
)


@pytest.mark.ray
def test_a_scrape(tmp_path: Path) -> None:
    write_video(tmp_path / "corpus" / "red.mp4", ["red"])
    (tmp_path / "corpus" / "bad.mp4").write_bytes(b"")
    ended = subprocess.run(
        [sys.executable, "-c", _JOB, str(tmp_path / "corpus"), str(tmp_path / "root")],
        env=os.environ | {"RAY_enable_metrics_collection": "1"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    families = text_string_to_metric_families(ended.stdout)
    found = [s for family in families for s in family.samples if s.name.startswith("ray_trawl_")]
    assert {(s.labels["dataset"], s.labels["job"]) for s in found} == {("test", "index")}
    values = {
        (s.name, s.labels.get("outcome") or s.labels.get("reason") or ""): s.value for s in found
    }
    assert values["ray_trawl_videos_total", "indexed"] == 1
    assert values["ray_trawl_failures_total", "empty_file"] == 1
    assert values["ray_trawl_lag_videos", ""] == 1
    assert values["ray_trawl_published_number", ""] == 1
    assert values["ray_trawl_frames_embedded_total", ""] > 0
