"""Hides credentials in texts that are shown or stored.

Every log line, table row and message passes here.

A URI keeps its place and loses what opens it: the user and password before its host, and of http(s)
all that follows a "?" or "#", since any parameter may be a signature. "***" stands where something
was left out, so that nobody takes the rest for the whole (`source.reopen` asks the dataset again).
In s3:// URIs those two are ordinary letters of a key. Knows no error class.
"""

import os
import re
from collections.abc import Mapping
from typing import Any

MARK = "***"
# Not in abfs://container@account, where it is no secret.
_SCHEME = r"(?:(?!abfss?://|wasbs?://)\b[a-zA-Z][a-zA-Z0-9+.-]*://)"
_USER = re.compile(rf"({_SCHEME})[^/?#\s\"'<>]+@")
_QUERY = re.compile(r"(?s)^(.*\bhttps?://[^?#]*)[?#].+$")
_QUERY_IN_TEXT = re.compile(r"(\bhttps?://[^\s?#\"'<>]*)[?#][^\s\"'<>]+")
# What a URL that is broken up, or escaped, may leave behind.
_PARAMETER = re.compile(
    r"(?i)\b((?:x-(?:amz|goog)-(?:signature|credential|security-token)|signature|sig|key-pair-id|policy|"
    r"(?:access_|id_|refresh_|auth_)?token|api_?key|password|secret)(?:=|%3D))[^\s&\"'<>]+"
)
_HEADER = re.compile(r"(?i)\b(authorization\W{1,4}(?:bearer|basic|aws4-hmac-sha256)\s+)[^\"'<>\n]+")
_SECRET_NAMES = re.compile(r"(SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIALS?|_KEY|_KEY_ID)$")
_SHORTEST = 8  # characters: a shorter value is no secret, and may be a word


def veil(uri: str) -> str:
    """A URI as it may be stored.

    >>> veil("https://media.example/a.mp4?X-Amz-Signature=0a1b"), veil("ftp://ann:pw@host/a.mp4"), veil("s3://b/what?.mp4")
    ('https://media.example/a.mp4?***', 'ftp://***@host/a.mp4', 's3://b/what?.mp4')
    """
    return _QUERY.sub(rf"\1?{MARK}", _USER.sub(rf"\1{MARK}@", uri))


def is_veiled(uri: str) -> bool:
    """Whether something was left out of it, so that it does not open."""
    return uri.endswith(f"?{MARK}") or f"://{MARK}@" in uri


def place(uri: str) -> str:
    """Return where a URI points, without what opens it: the same for two signatures of one object.

    >>> place("https://ann:pw@host/a.mp4?sig=1"), place("/data/a?b.mp4")
    ('https://host/a.mp4', '/data/a?b.mp4')
    """
    return veil(uri).removesuffix(f"?{MARK}").replace(f"://{MARK}@", "://")


def scrub(text: str, *uris: str) -> str:
    """A text for people, without the credentials in it: in URLs, as parameters, and as values of
    this process's environment.

    Args:
        uris: that the text speaks of; what was left out of them is not in it anywhere.

    >>> scrub("403 for https://u:pw@host/a.mp4?sig=0a1b, url='http://host/?token=x'")
    "403 for https://***@host/a.mp4?*** url='http://host/?***'"
    """
    for secret in sorted(
        (*_in_environment(), *(part for uri in uris for part in _left_out(uri))),
        key=len,
        reverse=True,
    ):
        text = text.replace(secret, MARK)
    text = _QUERY_IN_TEXT.sub(rf"\1?{MARK}", _USER.sub(rf"\1{MARK}@", text))
    return _HEADER.sub(rf"\1{MARK}", _PARAMETER.sub(rf"\1{MARK}", text))


def scrubbed(value: Any) -> Any:
    """The same of every text in what becomes JSON; mappings, lists and tuples are walked."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {scrubbed(name): scrubbed(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrubbed(item) for item in value]
    return value


def _in_environment() -> list[str]:
    return [
        value
        for name, value in os.environ.items()
        if len(value) >= _SHORTEST and _SECRET_NAMES.search(name)
    ]


def _left_out(uri: str) -> list[str]:
    user = re.search(rf"{_SCHEME}([^/?#]+)@", uri)
    query = re.search(r"(?s)\bhttps?://[^?#]*[?#](.+)$", uri)
    whole = [found[1] for found in (user, query) if found]
    parts = [part.partition("=")[2] or part for found in whole for part in re.split(r"[&:]", found)]
    return [part for part in (*whole, *parts) if len(part) >= _SHORTEST]
