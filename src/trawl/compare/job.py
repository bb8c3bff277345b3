"""The comparison job on one screen: evaluated runs, or the points of a sweep - what sets them apart
- one page, JSON and CSV.

No Ray, no model: all that it tells was measured by jobs.evaluate and lies beside the runs. Written
to `<root>/<dataset>/comparisons/<time>-<what>/`, or where `out` says.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.text import Text

from trawl.compare import page
from trawl.compare.comparison import Absentee, Comparison, Entrant, compare, to_json
from trawl.compare.settings import flatten, shown
from trawl.compare.terminal import comparison_tables
from trawl.config.jobs import CompareConfig
from trawl.corpus.source import dataset_name
from trawl.draw import measures
from trawl.draw.spreadsheet import to_csv
from trawl.errors import ConfigError, IndexMissingError, RunError, did_you_mean
from trawl.evaluate.results import Evaluation, is_evaluated, read_metrics
from trawl.query.results import slug
from trawl.runtime import run_file
from trawl.storage import Storage
from trawl.storage.target import own_folder
from trawl.table import publish
from trawl.track import tables as write

LATEST = "latest"
_PAGE = "index.html"
_LISTED = 3  # elements of a list that a condition names
_HASH = 8  # digits of a hash that tell two files apart
# What of an evaluation's settings changes no figure.
_HARMLESS = ("worst", "objective", "measure", "robustness")


@dataclass(frozen=True, slots=True)
class Compared:
    """Holds a comparison and the URIs of its folder and page."""

    comparison: Comparison
    folder: str
    page: str

    @property
    def table(self) -> pa.Table:
        """A row for each run: its number, id, differing settings, place on the front, and every
        metric as a column.
        """
        return pa.Table.from_pylist(_wide(self.comparison))


def run(config: CompareConfig, console: Console | None = None) -> Compared:
    """Put evaluated runs side by side, print them and write the page.

    Raises:
        UsageError: no such run or sweep, a run that was not evaluated, fewer than two runs, or the
            storage fails.
    """
    console = console or Console()
    storage, dataset = Storage.open(config.storage), dataset_name(config.dataset)
    storage.check(write=config.out is None)
    wanted = _wanted(config, storage, dataset)
    evaluations = [read_metrics(storage, dataset, run_id) for run_id in wanted.run_ids]
    entrants = [_entrant(storage, dataset, evaluation) for evaluation in evaluations]
    found = compare(entrants, config.quality, config.cost, config.metrics, wanted.absent)
    _check_trade(config, found)
    now = datetime.now(UTC)
    stem = f"{dataset}/comparisons/{now:%Y%m%dT%H%M%SZ}-{slug(wanted.name)}"
    claim = ("comparison.json", _to_json(found, dataset, wanted.name))
    target, folder = own_folder(config.out, config.storage, storage, stem, claim)
    rows = _wide(found)
    table = to_csv(list(rows[0]), (row.values() for row in rows))
    target.write_bytes(f"{folder}/comparison.csv", table)
    target.write_bytes(
        f"{folder}/{_PAGE}", page.render(_about(found, dataset, wanted.name, now), found).encode()
    )
    compared = Compared(found, target.uri(folder), target.uri(folder, _PAGE))
    _print(compared, console, all_metrics=bool(config.metrics))
    return compared


def _check_trade(config: CompareConfig, found: Comparison) -> None:
    """A metric that was typed must be there; without that of the default there is a comparison, but
    no front.
    """
    for name, row in (("quality", found.trade.quality), ("cost", found.trade.cost)):
        if row is None and getattr(config, name) != getattr(CompareConfig(), name):
            raise ConfigError(found.trade.note)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """name: of the comparison, in words."""

    name: str
    run_ids: tuple[str, ...]
    absent: tuple[Absentee, ...] = ()


def _wanted(config: CompareConfig, storage: Storage, dataset: str) -> _Wanted:
    if bool(config.runs) == (config.sweep is not None):
        there = [
            run_id
            for run_id in write.runs(storage, dataset)
            if is_evaluated(storage, dataset, run_id)
        ]
        known = f"evaluated so far: {', '.join(there[:5]) or 'none'}"
        raise ConfigError(f"compare takes either runs=[...] or sweep=...: {known}")
    if config.sweep is not None:
        return _of_sweep(config, storage, dataset, config.sweep)
    run_ids = tuple(dict.fromkeys(write.resolve_run(storage, dataset, run) for run in config.runs))
    if len(run_ids) < 2:
        raise ConfigError(
            f"runs=[{','.join(config.runs)}] names one run: a comparison takes two or more"
        )
    return _Wanted(f"{len(run_ids)} runs", run_ids)


def _of_sweep(config: CompareConfig, storage: Storage, dataset: str, sweep: str) -> _Wanted:
    """The points of a sweep that have figures, each run once, and those that have none, with the
    reason.
    """
    sweep_id = _resolve_sweep(storage, dataset, sweep)
    points = json.loads(storage.read_bytes(f"{dataset}/sweeps/{sweep_id}/points.json"))
    run_ids, absent, bare = list[str](), list[Absentee](), list[str]()
    for point in points:
        run_id, what = (
            point.get("run_id"),
            " ".join(map(str, point.get("overrides") or [])) or "no settings",
        )
        if run_id is None:
            absent.append(Absentee(what, _fate(point) or "it made no run"))
        elif not is_evaluated(storage, dataset, run_id):
            absent.append(
                Absentee(
                    what, "; ".join(filter(None, (_fate(point), f"run {run_id} was not evaluated")))
                )
            )
            bare.append(run_id)
        elif run_id not in run_ids:
            run_ids.append(run_id)
    if not run_ids:
        again = f": {_command(config, bare[0])} evaluates one of them" if bare else ""
        raise RunError(
            f"sweep={sweep_id} has no evaluated run among its {len(points)} points{again}"
        )
    return _Wanted(f"sweep {sweep_id}", tuple(run_ids), tuple(absent))


def _fate(point: Mapping[str, Any]) -> str:
    """Return the outcome of a point that is not done, as the sweep wrote it down."""
    outcome = point.get("outcome")
    words = ("interrupted" if outcome == "running" else outcome, point.get("message"))
    return "" if outcome == "done" else ": ".join(str(word) for word in words if word)


def _resolve_sweep(storage: Storage, dataset: str, sweep: str) -> str:
    under = f"{dataset}/sweeps"
    there = [
        name for name in storage.folders(under) if storage.exists(f"{under}/{name}/points.json")
    ]
    if sweep == LATEST and there:
        return there[-1]
    if sweep in there:
        return sweep
    if not there:
        raise RunError(
            f"{dataset} has no sweep in {storage.root}: make one with jobs.evaluate +dataset=... -m <setting>=<a>,<b>"
        )
    raise RunError(f"sweep={sweep} does not exist: {did_you_mean(sweep, [LATEST, *there[-5:]])}")


def _command(config: CompareConfig, run_id: str) -> str:
    return f"python -m jobs.evaluate +dataset={config.dataset.kind} run={run_id}"


def _entrant(storage: Storage, dataset: str, evaluation: Evaluation) -> Entrant:
    saved = run_file.read(storage, dataset, evaluation.run_id) or run_file.SavedRun()
    rules = {name: value for name, value in evaluation.settings.items() if name not in _HARMLESS}
    settings = flatten(saved.config) | flatten({"evaluation": rules})
    settings |= _lineage(saved.lineage) | _index_settings(storage, dataset, evaluation.publication)
    return Entrant(
        run_id=evaluation.run_id,
        metrics=evaluation.metrics,
        settings=settings,
        conditions=_conditions(evaluation, rules, saved),
        curves=evaluation.curves,
    )


def _lineage(lineage: Mapping[str, str]) -> dict[str, str]:
    """Return the models and precisions of a run: equal settings may have met other weights, or
    hardware where `auto` differs.
    """
    found = {}
    for name in ("embedder", "grounder", "tracker"):
        model, _, rest = str(lineage.get(name, "")).partition("@")
        digest, _, precision = rest.partition(" ")
        found[f"weights.{name}"] = f"{model}@{digest[:_HASH]}"
        if precision:  # runs of an earlier Trawl do not say
            found[f"precision.{name}"] = precision
    return found


def _index_settings(storage: Storage, dataset: str, number: int) -> dict[str, Any]:
    """Return what embedded the index that the run searched; nothing if that publication is gone."""
    try:
        recipe = publish.numbered(storage, dataset, number).recipe
    except IndexMissingError:
        return {}
    own = {name: value for name, value in asdict(recipe).items() if name != "embedder"}
    image = {name: recipe.embedder.get(name) for name in ("model", "image", "precision")}
    return flatten({"index": own | {"embedder": image}})


def _conditions(
    evaluation: Evaluation, rules: Mapping[str, Any], saved: run_file.SavedRun
) -> dict[str, str]:
    """Describe what must be the same for figures to compare."""
    digest = hashlib.sha256(json.dumps(sorted(saved.texts)).encode()).hexdigest()[:_HASH]
    dataset = saved.config.get("dataset") or {}
    videos = {name: dataset.get(name) for name in ("kind", "uri", "glob", "seed", "videos")}
    where = (saved.config.get("search") or {}).get("where")
    return {
        "number of clips that failed": str(saved.clips.get("failed", 0)),
        "publication": str(evaluation.publication),
        "ground truth": _told(evaluation.truth),
        "rule of what counts": _told(rules),
        "corpus": _told(videos),
        "part that is searched": str(where or "all"),
        "limit of clips": str(saved.config.get("limit") or "none"),
        "list of texts": f"{len(saved.texts)} texts, {digest}",
    }


def _told(values: Mapping[str, Any]) -> str:
    told = {
        name: _short(values[name]) for name in sorted(values) if values[name] not in (None, [], "")
    }
    return ", ".join(f"{name} {shown(told, name)}" for name in told)


def _short(value: Any) -> Any:
    """A long list as how many there are, and a hash that tells it from another."""
    if not isinstance(value, list) or len(value) <= _LISTED:
        return value
    return f"{len(value)} of them, {hashlib.sha256(json.dumps(value).encode()).hexdigest()[:_HASH]}"


def _wide(found: Comparison) -> list[dict[str, Any]]:
    rows = []
    for place, entrant in enumerate(found.entrants):
        row: dict[str, Any] = {
            "number": place + 1,
            "run_id": entrant.run_id,
            "on_front": place in found.trade.front,
        }
        row |= {name: shown(entrant.settings, name) for name in found.differing}
        for metric in found.rows:
            of = "" if metric.slice == measures.ALL else f"[{metric.slice}]"
            row[f"{metric.family}.{metric.name}{of}"] = metric.values[place]
        rows.append(row)
    return rows


def _to_json(found: Comparison, dataset: str, name: str) -> bytes:
    content = {"dataset": dataset, "compared": name, **to_json(found)}
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False).encode()


def _about(found: Comparison, dataset: str, name: str, now: datetime) -> page.About:
    settings = len(found.differing)
    differ = (
        f"{settings} {'setting differs' if settings == 1 else 'settings differ'}"
        if settings
        else "settings equal"
    )
    lead = f"{dataset}: {len(found.entrants)} evaluated runs, {differ}"
    facts = [("dataset", dataset), ("compared", name), ("made", f"{now:%Y-%m-%d %H:%M} UTC")]
    same = found.entrants[0].conditions.items()
    facts += [
        (label, value)
        for label, value in same
        if all(e.conditions.get(label) == value for e in found.entrants)
    ]
    return page.About(f"{name[0].upper()}{name[1:]} compared", lead, facts)


def _print(compared: Compared, console: Console, all_metrics: bool) -> None:
    for table in comparison_tables(compared.comparison, all_metrics):
        console.print(table)
    console.print(Text.assemble(("page  ", "dim"), compared.page), soft_wrap=True)
