"""open_clip imported without torch's compiler, and everything as it should be afterwards."""

import subprocess
import sys

# In a process of its own: what is imported cannot be taken back.
CODE = """
import sys
from trawl.models import slim_import
oc = slim_import.open_clip(needs_timm=False)
assert "torch._dynamo" not in sys.modules and "timm" not in sys.modules, "something pulled them in"
assert oc.model.TimmModel.__init__.__globals__["timm"] is None
assert slim_import.open_clip(needs_timm=True) is oc
tower = oc.model.TimmModel("vit_tiny_patch16_224", 64, pool="avg", proj="linear")
import torch
assert tower(torch.zeros(1, 3, 224, 224)).shape == (1, 64)
assert "torch._dynamo" not in sys.modules
compiled = torch.compile(lambda x: x + 1, backend="eager")
assert compiled(torch.ones(2)).tolist() == [2, 2]
assert torch._dynamo.__file__ and torch._dynamo.utils.is_compile_supported
import torchvision.ops.roi_align as roi_align
import torchvision.ops
assert sys.modules["torchvision.ops.roi_align"].is_compile_supported("cpu") in (True, False)
print("fine")
"""


def test_compiler_and_timm_are_left_out_and_come_back_when_asked_for() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert done.stdout.strip() == "fine", done.stderr[-2000:]
