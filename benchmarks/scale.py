"""On paper: what a very large corpus would need, from figures measured on a small machine.

Nothing is run.

Every figure is a constant with its source below, every price and size is an option, and every name
carries its unit. The tables of docs/scale.md are this program's output.

    python -m benchmarks.scale [--hours 10000000] [--days 30] [--clip-minutes 5] [--write]
"""

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trawl.config.data import PricesConfig

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
START, END = "<!-- printed by benchmarks/scale.py -->\n", "<!-- end -->\n"

# Measured here: two cores of an x86-64 server with AVX-512, ten real 720p H.264 clips (26
# frames/s), one thread.
# an hour of video
DECODE_CPU_S = {"interval 0.5 s": 216.0, "interval 2 s": 142.0, "keyframes": 86.0}
# keyframes: as those clips had them
FRAMES_PER_HOUR = {"interval 0.5 s": 7200, "interval 2 s": 1800, "keyframes": 990}
# a video: listing S3 and comparing with the ledger; python -m benchmarks.plan
LIST_S = 10 / 100_000
PLAN_BYTES = 19  # a known video, in memory; plan.py
LOOKUP_S = (
    0.35 / 5_000_000
)  # a row, on one core, once a run: table/places.py reads the column video_id of 100 fragments
PLACES_BYTES = 12  # a video and fragment, in memory; places.py
MERGE_S = 0.1 / 1_000_000  # a video, on one core: the ledger's merge scans its column video_id
MANIFEST_BYTES = 160  # a fragment: the manifest of 9,000 against that of 29,000 fragments
INDEX_ROWS_S = 200_000 / 20  # IVF_RQ of 512 dimensions built on two cores; half of that for 1,024
ROW_BYTES = 64  # of a stored frame beside its embedding; estimate.py
# Set by our own code: table/maintain.py, conf/.
ROWS_PER_PARTITION, RQ_BITS, COMMIT_ROWS, COMPACTED_ROWS, NPROBES = 8192, 5, 50_000, 1_048_576, 256
DIM, DTYPE_BYTES = 1024, 2  # PE-Core-B/16, float16
# Published: vit_base_patch16_clip_224 (17.6 GMAC, PE-Core-B/16's size), automatic mixed precision,
# batches of 1,024, on an RTX
# 4090; huggingface/pytorch-image-models, results/benchmark-infer-amp-nchw-pt240-cu124-rtx4090.csv.
# Data-centre cards of the same chip (AD102: L40, L40S) are priced here.
GPU_FRAMES_S = 2783.55
# Published: Amazon S3's guide to performance, for each partitioned prefix.
PREFIX_GET_S, PREFIX_PUT_S = 5_500, 3_500
PART_BYTES = 5 * 2**20  # of a multipart upload: S3's least
GET_PRICE, PUT_PRICE = 0.4e-6, 5e-6  # each; Amazon's list price in US dollars
GIB, TB, DAY_S = 2**30, 1e12, 86_400.0


@dataclass(frozen=True, slots=True)
class Corpus:
    """How much video, and how it is sampled."""

    hours: float
    clip_minutes: float
    mbit_s: float
    sampling: str

    @property
    def videos(self) -> float:
        return self.hours * 60 / self.clip_minutes

    @property
    def video_bytes(self) -> float:
        return self.hours * 3600 * self.mbit_s * 1e6 / 8

    @property
    def rows(self) -> float:
        return self.hours * FRAMES_PER_HOUR[self.sampling]


@dataclass(frozen=True, slots=True)
class Cluster:
    """What works on it: for how long, with how much to spare, on nodes of which size."""

    days: float
    busy: float  # share of the time that a core or GPU computes
    cores_per_node: int

    @property
    def seconds(self) -> float:
        return self.days * DAY_S * self.busy


def decode_cpu_h(corpus: Corpus) -> float:
    return corpus.hours * DECODE_CPU_S[corpus.sampling] / 3600


def embed_gpu_h(corpus: Corpus) -> float:
    return corpus.rows / GPU_FRAMES_S / 3600


def decode_nodes(corpus: Corpus, cluster: Cluster) -> int:
    return math.ceil(decode_cpu_h(corpus) * 3600 / cluster.seconds / cluster.cores_per_node)


def gpus(corpus: Corpus, cluster: Cluster) -> int:
    return math.ceil(embed_gpu_h(corpus) * 3600 / cluster.seconds)


def row_bytes() -> int:
    return DIM * DTYPE_BYTES + ROW_BYTES


def index_bytes(rows: float) -> float:
    """Codes and a row's address; centroids are counted apart."""
    return rows * (DIM * RQ_BITS / 8 + 8)


def centroid_bytes(rows: float) -> float:
    """float32, all of them in the memory of whoever queries."""
    return rows / ROWS_PER_PARTITION * DIM * 4


def fragments(corpus: Corpus, cluster: Cluster) -> float:
    """At the end of the last night: what earlier nights left, compacted, and that night's own."""
    nights = max(cluster.days, 1)
    return corpus.rows * (1 - 1 / nights) / COMPACTED_ROWS + corpus.rows / nights / COMMIT_ROWS


def rows_per_s(corpus: Corpus, cluster: Cluster) -> float:
    return corpus.rows / cluster.seconds


def gets(corpus: Corpus) -> float:
    """To read every video once: its size, then its content in one stream."""
    return 2 * corpus.videos


def lookup_gets(corpus: Corpus, cluster: Cluster) -> float:
    """To know where the old rows of videos lie: two for each fragment that is there when a night
    begins, half as many on average as at the end, and for each that a commit adds.
    """
    return 2 * (max(cluster.days, 1) * fragments(corpus, cluster) / 2 + corpus.rows / COMMIT_ROWS)


def puts(corpus: Corpus) -> float:
    """To write every row twice, as it comes and compacted: parts, and the begin and end of each
    upload; and six small files a commit, for two tables a transaction, a manifest and a data or
    deletion file.
    """
    parts = 2 * corpus.rows * row_bytes() / PART_BYTES
    uploads = corpus.rows / COMMIT_ROWS + corpus.rows / COMPACTED_ROWS
    return parts + 2 * uploads + 6 * corpus.rows / COMMIT_ROWS


def index_h(rows: float) -> float:
    """To train and fill one IVF_RQ index in one process, at the rate of two cores."""
    return rows / (INDEX_ROWS_S * 512 / DIM) / 3600


@dataclass(frozen=True, slots=True)
class Limit:
    """Something that gives way as the corpus grows. at: the rows (or videos) at which it does."""

    what: str
    why: str
    hours: float
    remedy: str


def limits(corpus: Corpus, cluster: Cluster, night_h: float = 8) -> list[Limit]:
    """What gives way, first things first, at the intake that the time allows."""
    per_hour = FRAMES_PER_HOUR[corpus.sampling]
    videos_per_hour = 60 / corpus.clip_minutes
    between_s = COMMIT_ROWS / rows_per_s(corpus, cluster)
    build_rows = night_h * 3600 * INDEX_ROWS_S * 512 / DIM
    found = [
        Limit(
            f"recall at nprobes={NPROBES}: measured only where that is every partition",
            f"{NPROBES} partitions of {ROWS_PER_PARTITION:,} rows",
            NPROBES * ROWS_PER_PARTITION / per_hour,
            "raise search.nprobes with the partitions, and measure: benchmarks/query.py",
        ),
        Limit(
            "reading where all videos' rows lie, before a night's first commit, takes more than half an hour",
            f"{LOOKUP_S * 1e6:.2f} s a million rows on one core",
            1800 / LOOKUP_S / per_hour,
            "a table a month; or a scalar index, of which a lookup reads a few pages",
        ),
        Limit(
            f"building the vector index anew in one process takes more than {night_h:g} h",
            f"{INDEX_ROWS_S * 512 / DIM:,.0f} rows/s on two cores",
            build_rows / per_hour,
            "build on a large or GPU node, or distributed; a table a month, each trained once",
        ),
        Limit(
            "the ledger's merge takes as long as the next commit's rows take to come",
            f"{between_s:.1f} s between commits of {COMMIT_ROWS:,} rows; {MERGE_S * 1e6:.1f} s a million videos",
            between_s / MERGE_S / videos_per_hour,
            "larger commits: the ledger is then merged less often",
        ),
        Limit(
            "the centroids that a query loads pass 8 GiB",
            f"{DIM * 4:,} bytes for each {ROWS_PER_PARTITION:,} rows",
            8 * GIB / (DIM * 4) * ROWS_PER_PARTITION / per_hour,
            "larger partitions; a server that keeps them; a table a month",
        ),
        Limit(
            f"listing the corpus takes more than {night_h / 2:g} h",
            f"{LIST_S * 1e6:.0f} µs a video, 1,000 to a request, one after the other",
            night_h / 2 * 3600 / LIST_S / videos_per_hour,
            "a manifest (an S3 Inventory) instead of a listing, or a dataset per prefix",
        ),
        Limit(
            "the driver's memory passes 4 GiB",
            f"{PLAN_BYTES} bytes a known video in the plan, {PLACES_BYTES} to know where its rows lie",
            4 * GIB / (PLAN_BYTES + PLACES_BYTES) / videos_per_hour,
            "a dataset per prefix",
        ),
        Limit(
            "the manifest that each commit writes passes 100 MB",
            f"{MANIFEST_BYTES} bytes a fragment",
            corpus.hours * 100e6 / (MANIFEST_BYTES * fragments(corpus, cluster)),
            "larger commits; compaction in between, which every publication does",
        ),
        Limit(
            "reading videos passes one prefix's 5,500 GET/s",
            f"{gets(corpus) / corpus.videos:.0f} requests a video",
            corpus.hours * PREFIX_GET_S / (gets(corpus) / cluster.seconds),
            "S3 splits a busy prefix by itself, in half an hour or so",
        ),
    ]
    return sorted(found, key=lambda limit: limit.hours)


def amount(value: float) -> str:
    """Three digits, with the thousands apart; a whole number of fewer as it is.

    >>> amount(1234567), amount(12.34), amount(0.0123), amount(66)
    ('1,230,000', '12.3', '0.0123', '66')
    """
    if value == 0 or (isinstance(value, int) and abs(value) < 1000):
        return str(int(value))
    digits = 2 - math.floor(math.log10(abs(value)))
    return f"{round(value, digits):,.{max(digits, 0)}f}"


Row = tuple[str, Callable[[Corpus], float]]


def table(rows: list[Row], corpora: list[Corpus]) -> str:
    """One column per sampling."""
    head = "| | " + " | ".join(corpus.sampling for corpus in corpora) + " |"
    rule = "|---|" + "---:|" * len(corpora)
    body = [
        f"| {name} | " + " | ".join(amount(value(corpus)) for corpus in corpora) + " |"
        for name, value in rows
    ]
    return "\n".join([head, rule, *body])


def money(corpus: Corpus, cluster: Cluster, prices: PricesConfig) -> dict[str, float]:
    """What it is spent on -> how much; what is stored, for a month.

    Videos are not counted: they are there already.
    """
    stored = corpus.rows * row_bytes() + index_bytes(corpus.rows)
    return {
        "decoding": decode_cpu_h(corpus) * prices.cpu_h,
        "embedding": embed_gpu_h(corpus) * prices.gpu_h,
        "requests but for the next": gets(corpus) * GET_PRICE + puts(corpus) * PUT_PRICE,
        "requests to know old rows": lookup_gets(corpus, cluster) * GET_PRICE,
        "reading": corpus.video_bytes / 1e9 * prices.gb_read,
        "storage, a month": stored / 1e9 * prices.gb_month,
    }


def report(corpora: list[Corpus], cluster: Cluster, prices: PricesConfig) -> str:
    """The tables, as Markdown."""
    first = corpora[0]
    work: list[Row] = [
        ("frames embedded, rows", lambda c: c.rows),
        ("decoding, CPU hours", decode_cpu_h),
        (f"nodes of {cluster.cores_per_node} cores", lambda c: decode_nodes(c, cluster)),
        ("embedding, GPU hours (published rate)", embed_gpu_h),
        ("GPUs", lambda c: gpus(c, cluster)),
        ("cores that feed one GPU", lambda c: decode_cpu_h(c) / embed_gpu_h(c)),
        ("read from S3, Gbit/s", lambda c: c.video_bytes * 8 / cluster.seconds / 1e9),
    ]
    tables: list[Row] = [
        ("frames table, TB", lambda c: c.rows * row_bytes() / TB),
        ("commits", lambda c: c.rows / COMMIT_ROWS),
        ("seconds between commits", lambda c: COMMIT_ROWS / rows_per_s(c, cluster)),
        ("fragments at the end", lambda c: fragments(c, cluster)),
        ("manifest, MB", lambda c: fragments(c, cluster) * MANIFEST_BYTES / 1e6),
        ("index partitions", lambda c: c.rows / ROWS_PER_PARTITION),
        ("index, TB", lambda c: index_bytes(c.rows) / TB),
        ("its centroids, GiB", lambda c: centroid_bytes(c.rows) / GIB),
        ("building it in one process of two cores, days", lambda c: index_h(c.rows) / 24),
        ("planning, hours", lambda c: c.videos * LIST_S / 3600),
        ("planning, memory, GiB", lambda c: c.videos * PLAN_BYTES / GIB),
        (
            "where old rows lie: reading it once a night, minutes of a core",
            lambda c: c.rows * LOOKUP_S / 60,
        ),
        ("where old rows lie, memory, GiB", lambda c: c.videos * PLACES_BYTES / GIB),
    ]
    requests: list[Row] = [
        ("GET, to read the videos", gets),
        ("GET, to know where old rows lie", lambda c: lookup_gets(c, cluster)),
        ("PUT, to write and compact the tables", puts),
        ("GET a second, videos", lambda c: gets(c) / cluster.seconds),
        ("GET a second, of these", lambda c: lookup_gets(c, cluster) / cluster.seconds),
        ("PUT a second", lambda c: puts(c) / cluster.seconds),
        ("LIST, to plan once", lambda c: c.videos / 1000),
    ]
    spent: list[Row] = [
        (f"{name}, {prices.currency}", _spent_on(name, cluster, prices))
        for name in money(first, cluster, prices)
    ]
    lines = ["| what gives way | because | at hours of video | then |", "|---|---|---:|---|"]
    lines += [
        f"| {x.what} | {x.why} | {amount(x.hours)} | {x.remedy} |" for x in limits(first, cluster)
    ]
    return f"""{amount(first.hours)} hours of video in {amount(first.videos)} clips of {first.clip_minutes:g} minutes, \
{first.mbit_s:g} Mbit/s: {amount(first.video_bytes / TB)} TB. To be indexed in {cluster.days:g} days, cores and GPUs busy \
{cluster.busy:.0%} of the time.

### Work

{table(work, corpora)}

### Tables

{table(tables, corpora)}

### Requests to S3

{table(requests, corpora)}

### Money

{prices.cpu_h:g} {prices.currency} a core hour, {prices.gpu_h:g} a GPU hour, {prices.gb_month:g} a GB and month, \
{PUT_PRICE * 1e6:g} a million PUT, {GET_PRICE * 1e6:g} a million GET.

{table(spent, corpora)}

### What breaks first

With {first.sampling}, at {amount(rows_per_s(first, cluster))} rows a second.

{chr(10).join(lines)}
"""


def _spent_on(name: str, cluster: Cluster, prices: PricesConfig) -> Callable[[Corpus], float]:
    return lambda corpus: money(corpus, cluster, prices)[name]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=10e6, help="of video")
    parser.add_argument("--clip-minutes", type=float, default=5)
    parser.add_argument("--mbit-s", type=float, default=4, help="of a video's bytes")
    parser.add_argument(
        "--days", type=float, default=30, help="in which all of it is to be indexed"
    )
    parser.add_argument(
        "--busy", type=float, default=0.8, help="share of the time that a core or GPU computes"
    )
    parser.add_argument("--cores-per-node", type=int, default=16)
    defaults = PricesConfig()
    for name in ("cpu_h", "gpu_h", "gb_month", "gb_read"):
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=float, default=getattr(defaults, name), help="price"
        )
    parser.add_argument("--write", action="store_true", help="put the tables into docs/scale.md")
    args = parser.parse_args()
    corpora = [
        Corpus(args.hours, args.clip_minutes, args.mbit_s, sampling) for sampling in DECODE_CPU_S
    ]
    prices = PricesConfig(args.cpu_h, args.gpu_h, args.gb_month, args.gb_read)
    tables = report(corpora, Cluster(args.days, args.busy, args.cores_per_node), prices)
    if args.write:
        head, _, rest = PAGE.read_text().partition(START)
        PAGE.write_text(f"{head}{START}\n{tables}\n{END}{rest.partition(END)[2]}")
    else:
        print(tables)


if __name__ == "__main__":
    main()
