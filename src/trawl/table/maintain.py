"""Keeps the tables fast and small: compaction, the vector index, cleanup.

Never in the way of a reader.

`prepare` (frames) and `compact` (ledger) run before a publication, `clean_up` after it: versions
that no kept publication holds by tag go once they are old enough. Knows nothing of videos.
"""

import logging
import os
from datetime import UTC, datetime, timedelta
from typing import Any

from trawl.storage import Storage, lance_faults
from trawl.table.publish import Published, history, is_ours, tag_of

_log = logging.getLogger(__name__)
INDEX_NAME = "embedding_idx"
# Measured by benchmarks/query.py. Scanning IVF_RQ's codes is so cheap that a query probes every
# partition of a million rows (SearchConfig.nprobes=256) in 1/40 of the exact scan's time, with
# recall 1.00 at refine_factor 2;
# probing 20 of 244 loses 10% of the answers to a text. So partitions are few and large, which
# halves the time of the build. One
# bit instead of 5 loses 7%.
_INDEX_TYPE = "IVF_RQ"
_ROWS_PER_PARTITION = 8192
# Train anew when the rows call for this many times the partitions there are. Old centroids cost
# little until then: at three times the rows 1% of the recall of images, 2% where the new rows are
# of another kind
# (benchmarks/maintenance.py).
_OUTGROWN = 3
# Measured by benchmarks/maintenance.py: with eight deltas a query of 10 takes 1.7 times the CPU
# time that it takes with one, with sixteen 2.7 times. Merging writes all rows since the training
# anew, and leaves those that were
# trained on as they are.
_MAX_DELTAS = 8
_FRAGMENT_ROWS = 2**20  # fragments of as many rows are left as they are
# smaller ones: each compaction of what the index covers writes parts of the index anew as well
_MAX_FRAGMENTS = 24
_MAX_DELETED = 0.1


def prepare(uri: str, lance_options: dict[str, str], index_min_rows: int) -> dict[str, Any] | None:
    """Make the frames table fit to be queried; does nothing where nothing has changed.

    Compacts when deleted rows or small fragments have piled up. From `index_min_rows` rows on it
    builds a vector index, afterwards adds what is new as a delta, merges the deltas when there are
    many, and trains anew when the table has outgrown its partitions.

    Returns:
        Facts about the index for the publication, None where queries scan.
    """
    import lance

    compact(uri, lance_options)
    with lance_faults(uri):
        return _index(lance.dataset(uri, storage_options=lance_options), index_min_rows)


def compact(uri: str, lance_options: dict[str, str]) -> bool:
    """Merge small fragments and drop deleted rows for good, once there are enough of either to pay
    for the copying.

    For either table. True when it tried; fragments that different deltas of the vector index cover
    stay apart until these are merged.
    """
    import lance

    with lance_faults(uri):
        return _compact(lance.dataset(uri, storage_options=lance_options))


def _compact(dataset: Any) -> bool:
    fragments = dataset.get_fragments()
    sizes = [fragment.physical_rows for fragment in fragments]
    rows, small = sum(sizes), sum(size < _FRAGMENT_ROWS for size in sizes)
    deleted = sum(fragment.num_deletions for fragment in fragments)
    if small <= _MAX_FRAGMENTS and deleted <= _MAX_DELETED * max(rows, 1):
        return False
    dataset.optimize.compact_files(
        target_rows_per_fragment=_FRAGMENT_ROWS, materialize_deletions_threshold=_MAX_DELETED
    )
    told = {"table": dataset.uri, "fragments": len(fragments), "rows": rows, "deleted": deleted}
    _log.info("compacted", extra={"fields": told})
    return True


def clean_up(storage: Storage, dataset: str, keep_h: float, building: str | None = None) -> None:
    """Let go of what no reader may still want.

    Kept: the newest two publications, every publication that was current within the last `keep_h`
    hours, every version of the tables younger than that, and every version that somebody gave a tag
    of another name than `tag_of`'s. Files of a transaction that never ended go after seven days.

    Args:
        building: key of a recipe that may not be published yet; of its tables the newest version is
            kept.
    """
    import lance

    published = history(storage, dataset)
    kept = _kept(published, keep_h)
    age = max(timedelta(hours=keep_h), timedelta(microseconds=1))
    ours = {one.recipe_key for one in published} | ({building} if building else set())
    # somebody may have deleted an old one's
    for recipe_key in sorted(ours & set(storage.folders(f"{dataset}/index"))):
        for table in ("frames", "videos"):
            uri = storage.table_uri(dataset, recipe_key, table)
            held = {
                tag_of(getattr(one, f"{table}_version"))
                for one in kept
                if one.recipe_key == recipe_key
            }
            with lance_faults(uri):
                opened = lance.dataset(uri, storage_options=storage.lance_options)
                for tag in set(opened.tags.list()) - held:
                    if is_ours(tag):
                        opened.tags.delete(tag)
                gone = opened.cleanup_old_versions(
                    older_than=age, error_if_tagged_old_versions=False
                )
                if gone.old_versions:
                    told = {
                        "table": uri,
                        "versions": gone.old_versions,
                        "bytes": gone.bytes_removed,
                    }
                    _log.info("cleaned up", extra={"fields": told})


def _kept(published: list[Published], keep_h: float) -> list[Published]:
    since = datetime.now(UTC) - timedelta(hours=keep_h)
    replaced_at = [datetime.fromisoformat(one.created_at) for one in published[1:]]
    old = [one for one, until in zip(published, replaced_at, strict=False) if until >= since]
    return old + published[-2:]


def _index(dataset: Any, index_min_rows: int) -> dict[str, Any] | None:
    rows = dataset.count_rows()
    existing = _facts(dataset)
    if existing is None:
        if rows < max(index_min_rows, 1):
            return None
        _build(dataset, rows)
    elif _partitions(rows) > _OUTGROWN * existing["partitions"]:
        _build(dataset, rows)
    elif existing["unindexed"]:
        # 0 adds a delta. Merging reads and writes those since the training, so it waits until
        # queries feel their number.
        merged = existing["deltas"] - 1 if existing["deltas"] >= _MAX_DELTAS else 0
        dataset.optimize.optimize_indices(num_indices_to_merge=merged, index_names=[INDEX_NAME])
    else:
        return existing
    dataset.checkout_latest()
    facts = _facts(dataset)
    _log.info(
        "vector index brought up to date", extra={"fields": {"before": existing, "now": facts}}
    )
    return facts


def _build(dataset: Any, rows: int) -> None:
    dataset.create_index(
        "embedding",
        _INDEX_TYPE,
        name=INDEX_NAME,
        metric="cosine",
        replace=True,
        num_partitions=_partitions(rows),
    )


def _partitions(rows: int) -> int:
    return max(rows // _ROWS_PER_PARTITION, 1)


def _facts(dataset: Any) -> dict[str, Any] | None:
    if not any(index.name == INDEX_NAME for index in dataset.describe_indices()):
        return None
    # Lance would otherwise put every centroid into the statistics, and warn that it does.
    os.environ.setdefault("LANCE_INCLUDE_VECTOR_CENTROIDS", "false")
    statistics = dataset.stats.index_stats(INDEX_NAME)
    return {
        "type": statistics["index_type"],
        "partitions": max(part["num_partitions"] for part in statistics["indices"]),
        "deltas": statistics["num_indices"],
        "rows": statistics["num_indexed_rows"],
        "unindexed": statistics["num_unindexed_rows"],
    }
