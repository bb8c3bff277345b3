"""`frames.lance`: one row per embedded frame, written by many and committed by one.

    1. workers   write_fragments: data files that no reader can see; only their description (JSON)
                 travels
    2. driver    commit: ONE transaction that drops the videos' old rows and adds the new fragments

Rows are replaced by video, so repeating work doubles nothing; where a video's old rows are,
`places.py` knows. A commit carries a key, and a repeated key is recognised among the recent
transactions, so an answer that got lost costs a look and not a second commit. Assumes one
committer; another's commit in between is met by starting over from its version (only two that begin
an empty table at once are not told apart: `publish.reconcile`). Data files of a dead worker stay
until maintenance is sure (7 days). Knows nothing of the ledger.
"""

import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from trawl.errors import ConfigError, StorageError
from trawl.storage import lance_faults
from trawl.table.places import Places

_KEY = "trawl.commit_key"
# transactions that are searched for a key: one committer repeats at once or not at all
_REMEMBERED = 16
_TRIES = 10  # where others commit in between
_FAILURES = 3  # of the storage
# One IN list of a commit; longer ones are asked in turns.
_IDS_AT_ONCE = 5000


def create_if_missing(uri: str, lance_options: dict[str, str], schema: pa.Schema) -> int:
    """Create the table, empty, unless it is there. Returns its version.

    Raises:
        ConfigError: it is there with another embedding size or dtype.
        StorageError: the storage failed.
    """
    with lance_faults(uri):
        dataset = open_or_create(uri, lance_options, schema)
    held, wanted = dataset.schema.field("embedding").type, schema.field("embedding").type
    if held != wanted:
        raise ConfigError(
            f"table.dtype makes embeddings {wanted}, but {uri} holds {held}; set it back, or delete that table"
        )
    return int(dataset.version)


def write_fragments(
    uri: str, lance_options: dict[str, str], schema: pa.Schema, batches: Iterable[pa.RecordBatch]
) -> list[str]:
    """Write rows that no reader can see yet. Runs in a worker; the table must exist.

    Returns:
        The new fragments' descriptions as JSON, for `commit`; none for no rows.

    Raises:
        StorageError: the storage failed; nothing that a reader sees has changed.
    """
    from lance.fragment import write_fragments as write

    reader = pa.RecordBatchReader.from_batches(schema, iter(batches))
    with lance_faults(uri):
        fragments = write(reader, uri, schema=schema, mode="append", storage_options=lance_options)
    return [json.dumps(fragment.to_json()) for fragment in fragments if fragment.physical_rows]


def commit(
    uri: str,
    lance_options: dict[str, str],
    fragments: list[str],
    video_ids: list[str],
    key: str,
    places: Places | None = None,
) -> int:
    """Drop all rows of `video_ids` and add `fragments`, in one transaction.

    Args:
        fragments: from `write_fragments`; may be empty.
        video_ids: every video that has rows in the fragments, and those whose rows must go.
        key: the same for the same piece of work, and for no other: repeating a key changes nothing.
        places: the same for all commits of one process to this table, so that each costs no more
            than its own rows. None: the whole column is read for this commit.

    Returns:
        The version that holds the change; the present one where there was nothing to change.

    Raises:
        StorageError: the storage failed; the change is then whole or absent, and repeating the call
            is safe.
    """
    from lance.commit import CommitConflictError

    places = places or Places()
    failures = 0
    for _ in range(_TRIES):
        dataset = _open(uri, lance_options)
        done = _committed(dataset, key, places.version)
        if done is None:
            try:
                done = _commit_once(dataset, fragments, video_ids, key, places)
            except CommitConflictError:
                continue
            except OSError as error:
                # The answer may have been lost on its way: look before calling it a failure.
                done = _committed(_open(uri, lance_options), key, places.version)
                failures += 1
                if done is None and failures < _FAILURES:
                    continue  # Lance does not repeat a conditional put whose connection broke
                if done is None:
                    with lance_faults(uri):
                        raise error
        places.version = max(places.version, done)
        return done
    raise StorageError(
        f"others keep committing to {uri}; run one index job per dataset at a time, then run this one again"
    )


def in_list(column: str, values: Iterable[str]) -> str:
    """A SQL condition: the column is one of the values, whatever characters these hold.

    >>> in_list("video_id", ["a.mp4", "it's.mp4"])
    "video_id IN ('a.mp4', 'it''s.mp4')"
    """
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({listed})" if listed else "false"


def open_or_create(uri: str, lance_options: dict[str, str], schema: pa.Schema) -> Any:
    """The newest version of the Lance table at `uri`; created empty where there is none.

    Columns that an earlier Trawl did not know are added where they may be null; that computes and
    copies nothing.

    Raises:
        ConfigError: another version of Trawl made it, with columns that this one cannot write.
    """
    import lance

    try:
        dataset = lance.dataset(uri, storage_options=lance_options)
    except ValueError as error:
        if "was not found" not in str(error):
            raise
        return lance.write_dataset(
            schema.empty_table(), uri, schema=schema, storage_options=lance_options
        )
    held = set(dataset.schema.names)
    new = [field for field in schema if field.name not in held]
    if any(not field.nullable for field in new) or held - set(schema.names):
        differ = ", ".join(sorted(held ^ set(schema.names)))
        raise ConfigError(
            f"{uri} was made by another version of Trawl (columns that differ: {differ}): use that version, or delete "
            "that folder to index anew"
        )
    if new:
        dataset.add_columns(pa.schema([field.remove_metadata() for field in new]))
    return dataset


def _open(uri: str, lance_options: dict[str, str]) -> Any:
    import lance

    with lance_faults(uri):
        return lance.dataset(uri, storage_options=lance_options)


def _committed(dataset: Any, key: str, since: int) -> int | None:
    """The version that a recent commit with this key made, where it is newer than `since`.

    Each one looked at is a manifest.
    """
    newest = int(dataset.version)
    for version in range(newest, max(since, newest - _REMEMBERED, 0), -1):
        try:
            with lance_faults(dataset.uri):
                transaction = dataset.read_transaction(version)
        except TypeError:
            # a compaction that moved an index: Lance 14 cannot put it into Python's words; ours are
            # no such
            continue
        except StorageError as error:
            if "was not found" in str(error.__cause__):
                return None  # cleaned up, and so are those before it
            raise
        if transaction is not None and (transaction.transaction_properties or {}).get(_KEY) == key:
            return version
    return None


def _commit_once(
    dataset: Any, fragments: list[str], video_ids: list[str], key: str, places: Places
) -> int:
    from lance import LanceDataset, LanceOperation
    from lance.dataset import Transaction
    from lance.fragment import FragmentMetadata

    updated, removed = _without(dataset, video_ids, places)
    if not (updated or removed or fragments):
        return int(dataset.version)
    operation = LanceOperation.Update(
        removed_fragment_ids=removed,
        updated_fragments=updated + _guard(dataset, updated, removed),
        new_fragments=[FragmentMetadata.from_json(fragment) for fragment in fragments],
        update_mode="rewrite_rows",
    )
    transaction = Transaction(dataset.version, operation, transaction_properties={_KEY: key})
    return int(LanceDataset.commit(dataset, transaction).version)


def _guard(dataset: Any, updated: list[Any], removed: list[int]) -> list[Any]:
    """A fragment that every commit claims to change, whatever else it does.

    Lance joins transactions of different fragments, and so two that add the same video, which
    neither saw, would double it.
    """
    oldest = min(dataset.get_fragments(), key=lambda fragment: fragment.fragment_id, default=None)
    if oldest is None or oldest.fragment_id in (*removed, *(fragment.id for fragment in updated)):
        return []
    return [oldest.metadata]


def _without(dataset: Any, video_ids: list[str], places: Places) -> tuple[list[Any], list[int]]:
    """(fragments rewritten without the videos' rows, ids of fragments that hold nothing else)."""
    holding = places.find(dataset, video_ids)
    rows: dict[int, list[int]] = {}
    for start in range(0, len(video_ids) if holding else 0, _IDS_AT_ONCE):
        where = in_list("video_id", video_ids[start : start + _IDS_AT_ONCE])
        with lance_faults(dataset.uri):
            found = dataset.scanner(
                columns=[], filter=where, with_row_address=True, fragments=holding
            ).to_table()
        # A row's address: its fragment's id in the upper 32 bits, its place there in the lower.
        for address in found["_rowaddr"].to_pylist():
            rows.setdefault(address >> 32, []).append(address & 0xFFFFFFFF)
    updated, removed = [], []
    for fragment_id, lines in rows.items():
        rest = dataset.get_fragment(fragment_id).delete_rows(lines)
        if rest is None:
            removed.append(fragment_id)
        else:
            updated.append(rest)
    return updated, removed
