"""Names the folders of remembered stages of tracking after what each stage depends on."""

from dataclasses import asdict
from importlib import metadata
from typing import TYPE_CHECKING

from trawl.config.jobs import TrackConfig
from trawl.track.reuse import digests
from trawl.track.task import ReuseKeys

if TYPE_CHECKING:
    from trawl.track.task import TrackModels

# of the grounder's settings: they choose among what was found, afterwards
_FILTERS = ("min_score", "max_objects")
# the models' identities have the file's hash, and what auto came to
_NOT_WHAT = ("device", "weights", "precision")
# Of the demo, what its models are made of: how its films are drawn changes pictures, which have
# names of their own.
DEMO_MODELS = (
    "clip.py",
    "patchnet.py",
    "sam2.py",
    "sam2_neck.py",
    "words.py",
    "trawl-demo-clip.json",
    "trawl-demo-sam2.yaml",
)
_LIBRARIES = ("torch", "opencv-python-headless", "av")  # another version may round in another way


def reuse_keys(config: TrackConfig, models: "TrackModels") -> ReuseKeys:
    """For a run with these settings, by actors with these models."""
    where = {
        "threads": models.threads,
        "gpus": models.gpus,
        "devices": [models.device, models.tracker_device],
    }
    machine = [
        digests.of_code(
            "models", *(f"demo/{file}" for file in DEMO_MODELS), "track/reuse", "masks.py"
        ),
        {name: metadata.version(name) for name in _LIBRARIES},
        where,
    ]
    code = (
        digests.of_code("ground", "query/templates.py"),
        digests.of_code("track", "decode", "geometry.py"),
    )
    tracker = [models.tracker.identity(), models.tracker.compile]
    finder = {k: v for k, v in asdict(config.grounder).items() if k not in (*_FILTERS, *_NOT_WHAT)}
    detected = [
        code[0],
        machine,
        tracker,
        models.grounder.identity(),
        models.embedder.identity(),
        finder,
        config.search.templates,
    ]
    seen = [machine, models.embedder.identity()]
    settings = [
        asdict(config.tracking),
        asdict(config.decode),
        [getattr(config.grounder, k) for k in _FILTERS],
    ]
    return ReuseKeys(
        detected=digests.of_settings("detected", detected),
        propagated=digests.of_settings("propagated", machine, tracker),
        seen=digests.of_settings("seen", seen),
        followed=digests.of_settings("followed", code[1], detected, seen, settings),
    )
