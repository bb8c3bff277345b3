"""What may change about the tables of an index, and what must then be built anew."""

import pyarrow as pa
import pytest

from trawl.records.video import PROCESSING_VERSION
from trawl.schemas import VIDEOS, frames_schema

# The columns that each PROCESSING_VERSION began with; "?" may be null. Never edited: another
# version gets a line of its own.
FRAMES = {
    1: "video_id:string frame_index:int64 time_s:double shot:int32 substituted:bool duration_s:double path_parts:list<string> "
    "metadata:json embedding:vector",
}
LEDGER = {
    1: "video_id:string uri:string fingerprint:string size_bytes:int64 status:string reason:string? message:string? "
    "attempts:int32 duration_s:double? fps:double? width:int32? height:int32? rotation_deg:int32? container:string? "
    "codec:string? decoder:string? num_frames:int64? frames_decoded:int64? frames_embedded:int64? frames_substituted:int64? "
    "damage:string? metadata:string run_id:string updated_at:timestamp",
}


def told(field: pa.Field) -> str:
    text = str(field.type)
    kinds = {
        "fixed_size_list": "vector",
        "extension<arrow.json": "json",
        "timestamp": "timestamp",
        "list<": "list<string>",
    }
    kind = next((word for start, word in kinds.items() if text.startswith(start)), text)
    return f"{field.name}:{kind}{'?' if field.nullable else ''}"


@pytest.mark.parametrize(
    ("schema", "began"), [(frames_schema(8), FRAMES), (VIDEOS, LEDGER)], ids=["frames", "ledger"]
)
def test_tables_that_are_there_can_be_gone_on_with(
    schema: pa.Schema, began: dict[int, str]
) -> None:
    """Only columns that may be null have been added since; for anything else
    records.PROCESSING_VERSION is to be raised.
    """
    now = [told(field) for field in schema]
    assert now[: len(began[PROCESSING_VERSION].split())] == began[PROCESSING_VERSION].split()
    assert all(column.endswith("?") for column in now[len(began[PROCESSING_VERSION].split()) :])
