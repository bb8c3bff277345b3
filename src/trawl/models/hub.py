"""A file at the Hugging Face hub: from the cache, else downloaded, else one line that says how to
get it by hand.

The hub's own client retries an unreachable host for 23 s; one short request asks first whether the
host answers. Respects HF_HUB_OFFLINE, HF_HOME, HF_ENDPOINT and HF_TOKEN as the client does. Knows
nothing of models.
"""

from collections.abc import Sequence
from pathlib import Path

from trawl.errors import WeightsError

# in open_clip's order
DEFAULT_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_PROBE_TIMEOUT_S = 5.0


def find(
    repo: str,
    files: Sequence[str],
    what: str,
    remedy: str,
    instead: str = "embedder=demo needs no download",
) -> Path:
    """The first of `files` that `repo` has.

    Args:
        repo: "owner/name" at the hub.
        files: names to look for, best first.
        what: the thing in the user's words, for the error.
        remedy: what to do with a file fetched by hand, for the error.
        instead: what works without it, for the error.

    Raises:
        WeightsError: not in the cache, and the hub cannot be reached, has no such file or refuses
            it.
    """
    cached = in_cache(repo, files)
    return cached or _download(repo, files, what, f"{remedy}; {instead}")


def in_cache(repo: str, files: Sequence[str]) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    for file in files:
        path = try_to_load_from_cache(repo, file)
        if isinstance(path, str):
            return Path(path)
    return None


def _download(repo: str, files: Sequence[str], what: str, remedy: str) -> Path:
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    page = f"{constants.ENDPOINT}/{repo}"
    by_hand = f"download {files[0]} from {page} and {remedy}"
    if constants.HF_HUB_OFFLINE:
        raise WeightsError(f"{what} is not here and HF_HUB_OFFLINE forbids to fetch it: {by_hand}")
    if problem := _unreachable(constants.ENDPOINT):
        raise WeightsError(
            f"{what} is not here and {constants.ENDPOINT} cannot be reached ({problem}): {by_hand}"
        )
    for file in files:
        try:
            return Path(hf_hub_download(repo, file))
        except LocalEntryNotFoundError as error:
            raise WeightsError(
                f"{what}: the download of {file} from {page} failed: {by_hand}"
            ) from error
        except EntryNotFoundError:
            continue
        except HfHubHTTPError as error:
            raise WeightsError(
                f"{what}: {page} refused {file} ({_first_line(error)}): {by_hand}"
            ) from error
    raise WeightsError(f"{what}: {page} has none of {', '.join(files)}: {by_hand}")


def _unreachable(endpoint: str) -> str:
    """Return why the host does not answer, "" when it does; an answer of any status will do."""
    from huggingface_hub import get_session
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # its HTTP client's base class

    try:
        get_session().head(endpoint, timeout=_PROBE_TIMEOUT_S)
    except (HTTPError, OSError) as error:
        return _first_line(error)
    return ""


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
