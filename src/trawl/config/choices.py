"""Lists what `conf/` and the settings' types offer: the jobs, the options of a group, the names of
settings.
"""

from pathlib import Path
from typing import Any

from trawl.config.jobs import (
    CompareConfig,
    EvaluateConfig,
    ExportConfig,
    FailuresConfig,
    IndexConfig,
    NightlyConfig,
    QueryConfig,
    ReportJobConfig,
    TrackConfig,
)
from trawl.config.values import conf_folder

# Every job and all its settings.
JOBS: dict[str, type[Any]] = {
    "index": IndexConfig,
    "query": QueryConfig,
    "track": TrackConfig,
    "export": ExportConfig,
    "report": ReportJobConfig,
    "evaluate": EvaluateConfig,
    "compare": CompareConfig,
    "nightly": NightlyConfig,
    "failures": FailuresConfig,
}


def standing_folder() -> Path:
    """Return the folder of the standing queries, one YAML each."""
    return conf_folder() / "standing"


def options(group: str) -> list[str]:
    """List the options of a group, such as `dataset`; empty where there is no such group."""
    return sorted(path.stem for path in (conf_folder() / group).glob("*.yaml"))


def settings_of(job: str) -> list[str]:
    """List the dotted names of every setting of a job."""
    from dataclasses import fields, is_dataclass

    def names(config_type: Any, prefix: str) -> list[str]:
        listed: list[str] = []
        for item in fields(config_type):
            inner = is_dataclass(item.type)
            listed += names(item.type, f"{prefix}{item.name}.") if inner else [prefix + item.name]
        return listed

    return names(JOBS[job], "")
