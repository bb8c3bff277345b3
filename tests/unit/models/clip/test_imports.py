"""open_clip imported without torch's compiler, timm or transformers, and everything as it should be
afterwards.
"""

import subprocess
import sys

import pytest

# In a process of its own: what is imported cannot be taken back.
CODE = """
import sys
from trawl.models.clip import imports as slim_import
oc = slim_import.open_clip(needs_timm=False)
pulled_in = {"torch._dynamo", "timm", "transformers"} & set(sys.modules)
assert not pulled_in, pulled_in
assert oc.model.TimmModel.__init__.__globals__["timm"] is None
assert slim_import.open_clip(needs_timm=True) is oc
tower = oc.model.TimmModel("vit_tiny_patch16_224", 64, pool="avg", proj="linear")
import torch
assert tower(torch.zeros(1, 3, 224, 224)).shape == (1, 64)
assert "torch._dynamo" not in sys.modules
assert "transformers" not in sys.modules
compiled = torch.compile(lambda x: x + 1, backend="eager")
assert compiled(torch.ones(2)).tolist() == [2, 2]
assert torch._dynamo.__file__ and torch._dynamo.utils.is_compile_supported
import torchvision.ops.roi_align as roi_align
import torchvision.ops
assert sys.modules["torchvision.ops.roi_align"].is_compile_supported("cpu") in (True, False)
print("fine")
"""

TEXT_TOWER = """
import sys
from trawl.models.clip import imports as slim_import
oc = slim_import.open_clip(needs_timm=False)
assert "transformers" not in sys.modules and oc.hf_model.transformers is None
assert slim_import.open_clip(needs_timm=False, needs_transformers=True) is oc
import torch
from transformers import RobertaConfig
shape = dict(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
config = RobertaConfig(vocab_size=99, max_position_embeddings=40, **shape)
tower = oc.model.HFTextEncoder("unused", 64, config=config, pooler_type="mean_pooler", proj_type="linear").eval()
assert tower(torch.tensor([[0, 5, 2]])).shape == (1, 64)
print("fine")
"""


@pytest.mark.parametrize("code", [CODE, TEXT_TOWER], ids=["compiler and timm", "transformers"])
def test_what_is_left_out_comes_back_when_asked_for(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "fine", done.stderr[-2000:]
