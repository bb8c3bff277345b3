"""Other libraries' words for what went wrong, each in ours."""

import errno

import pyarrow as pa
import pytest

from trawl.errors import StorageError
from trawl.storage.faults import kind_of, lance_faults, storage_error

LANCE = "LanceError(IO): Generic S3 error: Error performing PUT http://h:9/b/x in 3.1s, after 10 retries, "


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file"), "missing"),
        (PermissionError(errno.EACCES, "Permission denied"), "read_only"),
        (OSError(errno.EROFS, "Read-only file system"), "read_only"),
        (OSError(errno.ENOSPC, "No space left on device"), "full"),
        (OSError(errno.EIO, "Input/output error"), "other"),
        (OSError(LANCE + "error sending request: connection refused"), "unreachable"),
        (
            OSError(LANCE + "Server returned non-2xx: 403 Forbidden: <Code>AccessDenied</Code>"),
            "denied",
        ),
        (
            ValueError(
                "LanceError(IO): Error performing HEAD http://x in 5µs - non-2xx status code: 400 Bad Request: "
            ),
            "unsaid",
        ),
        (
            OSError("An error occurred (400) when calling the HeadObject operation: Bad Request"),
            "unsaid",
        ),
        (OSError("LanceError(IO): The operation: <Code>NoSuchBucket</Code> 404"), "no_bucket"),
        (OSError("LanceError(IO): Object at location x not found"), "missing"),
        (
            OSError(
                "LanceError(IO): the credential provider was not enabled: no providers in chain"
            ),
            "no_credentials",
        ),
    ],
)
def test_kinds(error: Exception, kind: str) -> None:
    assert kind_of(error) == kind
    message = str(storage_error(error, "s3://b/x"))
    assert "s3://b/x" in message
    assert "\n" not in message


def test_long_and_broken_texts_become_one_short_line() -> None:
    message = str(storage_error(OSError("LanceError(IO): odd\n" + "x" * 5000), "/data"))
    assert "\n" not in message
    assert len(message) < 250


def test_only_input_and_output_are_mapped() -> None:
    with pytest.raises(StorageError), lance_faults("u"):
        raise OSError("LanceError(IO): timed out")
    with pytest.raises(StorageError), lance_faults("u"):  # out of a reader of batches
        raise pa.ArrowInvalid("External error: LanceError(IO): Error performing GET, 403 Forbidden")
    with pytest.raises(ValueError, match="bug"), lance_faults("u"):
        raise ValueError("bug")
