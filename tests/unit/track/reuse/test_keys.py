"""What a remembered answer depends on."""

import json
import subprocess
import sys
from pathlib import Path

import trawl.demo
from trawl.track.reuse.keys import DEMO_MODELS

_BUILT = """
import json, sys
from pathlib import Path

opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)

from trawl.config.jobs import EmbedderConfig, GrounderConfig, TrackerConfig
from trawl.models import grounders
from trawl.models.clip import embedders as registry
from trawl.models.sam2 import trackers

blueprint = registry.resolve(EmbedderConfig("openclip", "trawl-demo-clip", "builtin"))
embedder = registry.build(blueprint, "cpu")
model = grounders.build(grounders.resolve(GrounderConfig("clip"), blueprint), embedder, "cpu")
model.contrast
trackers.build(trackers.resolve(TrackerConfig("sam2", "trawl-demo-sam2", "builtin")), "cpu")
print(json.dumps(sorted({Path(path).name for path in opened if "/trawl/demo/" in path and "/weights/" not in path})))
"""


def test_all_of_the_demo_that_its_models_are_made_of_is_in_the_keys() -> None:
    assert all((Path(trawl.demo.__file__).parent / file).is_file() for file in DEMO_MODELS)
    said = subprocess.run(
        [sys.executable, "-B", "-c", _BUILT], capture_output=True, text=True, check=True
    ).stdout
    read = {
        file.split(".cpython")[0] + ".py" if file.endswith(".pyc") else file
        for file in json.loads(said)
    }
    assert read - {"__init__.py"} == set(DEMO_MODELS)
