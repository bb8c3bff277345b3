"""benchmarks/scale.py: its units, how its figures grow, and that docs/scale.md shows what it
prints.
"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import scale
from trawl.config.data import PricesConfig

ROOT = Path(__file__).parents[1]
HALF_SECOND = scale.Corpus(hours=1000, clip_minutes=6, mbit_s=8, sampling="interval 0.5 s")
CLUSTER = scale.Cluster(days=10, busy=0.5, cores_per_node=16)


def test_a_corpus_that_one_can_count() -> None:
    """1,000 hours in clips of 6 minutes at 1 MB/s, a frame every half second."""
    assert HALF_SECOND.videos == 10_000
    assert HALF_SECOND.video_bytes == 3_600_000 * 1_000_000
    assert HALF_SECOND.rows == 7_200_000
    assert scale.decode_cpu_h(HALF_SECOND) == pytest.approx(60)  # 216 s of an hour
    assert scale.embed_gpu_h(HALF_SECOND) * 3600 * 2783.55 == pytest.approx(7_200_000)
    assert CLUSTER.seconds == 5 * 86_400
    assert scale.decode_nodes(HALF_SECOND, CLUSTER) == 1
    assert scale.gpus(HALF_SECOND, CLUSTER) == 1
    assert scale.index_h(18_000_000) == pytest.approx(1)  # 5,000 rows/s
    assert scale.row_bytes() == 1024 * 2 + 64
    assert scale.gets(HALF_SECOND) == 20_000


def test_nodes_are_enough_and_one_less_is_not() -> None:
    large = replace(HALF_SECOND, hours=1e6)
    nodes = scale.decode_nodes(large, CLUSTER)
    offered_h = nodes * CLUSTER.cores_per_node * CLUSTER.seconds / 3600
    assert (
        offered_h - CLUSTER.cores_per_node * CLUSTER.seconds / 3600
        < scale.decode_cpu_h(large)
        <= offered_h
    )


@pytest.mark.parametrize(
    ("grown", "times"),
    [
        (lambda c: scale.decode_cpu_h(c), 3),
        (lambda c: scale.embed_gpu_h(c), 3),
        (lambda c: scale.fragments(c, CLUSTER), 3),
        (lambda c: scale.puts(c), 3),
        (lambda c: scale.index_bytes(c.rows), 3),
        (lambda c: scale.lookup_gets(c, CLUSTER), 3),
    ],
)
def test_three_times_the_hours(grown, times: int) -> None:
    larger = replace(HALF_SECOND, hours=3 * HALF_SECOND.hours)
    assert grown(larger) == pytest.approx(times * grown(HALF_SECOND))


def test_fragments_of_one_day_and_of_many() -> None:
    million = replace(HALF_SECOND, hours=1e6)
    one_day = scale.fragments(million, replace(CLUSTER, days=1))
    # nothing is compacted before the first publication
    assert one_day == pytest.approx(million.rows / 50_000)
    assert scale.fragments(million, replace(CLUSTER, days=1000)) < one_day / 10


def test_limits_are_where_their_quantity_meets_them() -> None:
    limits = {limit.what.split(":")[0]: limit.hours for limit in scale.limits(HALF_SECOND, CLUSTER)}
    assert list(limits.values()) == sorted(limits.values())

    def at(words: str) -> scale.Corpus:
        (hours,) = (value for what, value in limits.items() if words in what)
        return replace(HALF_SECOND, hours=hours)

    between_s = scale.COMMIT_ROWS / scale.rows_per_s(HALF_SECOND, CLUSTER)
    assert at("where all videos' rows lie").rows * scale.LOOKUP_S == pytest.approx(1800)
    assert at("ledger's merge").videos * scale.MERGE_S == pytest.approx(between_s)
    assert scale.index_h(at("building the vector index").rows) == pytest.approx(8)
    assert scale.centroid_bytes(at("centroids").rows) == pytest.approx(8 * 2**30)
    assert at("listing the corpus").videos * scale.LIST_S == pytest.approx(4 * 3600)
    assert at("driver's memory").videos * (scale.PLAN_BYTES + scale.PLACES_BYTES) == pytest.approx(
        4 * 2**30
    )
    assert scale.fragments(at("manifest"), CLUSTER) * scale.MANIFEST_BYTES == pytest.approx(100e6)
    assert scale.gets(at("reading videos")) / CLUSTER.seconds == pytest.approx(5500)
    assert at("recall").rows == pytest.approx(256 * 8192)


def test_money_follows_its_prices() -> None:
    free = PricesConfig(cpu_h=0, gpu_h=0, gb_month=0, gb_read=0)
    spent = scale.money(HALF_SECOND, CLUSTER, free)
    assert {name for name, value in spent.items() if value} == {
        "requests but for the next",
        "requests to know old rows",
    }
    spent = scale.money(HALF_SECOND, CLUSTER, replace(free, cpu_h=2, gb_read=0.01))
    assert spent["decoding"] == pytest.approx(120)
    assert spent["reading"] == pytest.approx(36)  # 3,600 GB


def test_constants_are_those_of_the_code() -> None:
    from trawl.config.data import TableConfig
    from trawl.config.steps import SearchConfig
    from trawl.table import maintain

    assert TableConfig().commit_rows == scale.COMMIT_ROWS
    assert SearchConfig().nprobes == scale.NPROBES
    assert maintain._ROWS_PER_PARTITION == scale.ROWS_PER_PARTITION
    assert maintain._FRAGMENT_ROWS == scale.COMPACTED_ROWS


def test_the_page_shows_what_the_program_prints() -> None:
    command = [sys.executable, "-m", "benchmarks.scale"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    page = (ROOT / "docs" / "scale.md").read_text()
    shown = page.partition(scale.START)[2].partition(scale.END)[0]
    assert shown.strip() == printed.strip(), "python -m benchmarks.scale --write"
