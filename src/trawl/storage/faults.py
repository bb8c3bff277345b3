"""Turns failures of storage into one line that a person can act on.

The only file that knows how botocore, the operating system and Lance word their errors. Each is
recognised by its code where it has one; Lance has none and wraps everything in an OSError, so its
text is searched. Nothing is retried here.
"""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from trawl.errors import StorageError

_DENIED = "access to {where} is denied{detail}; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what they may do there"
_ADVICE = {
    "no_bucket": "{where} does not exist: there is no such bucket; create it, or correct storage.root",
    "denied": _DENIED,
    "expired": "the temporary credentials for {where} have expired{detail}; renew them and run the same command again",
    "clock": "{where} is denied{detail}: this machine's clock is wrong; set it and run the same command again",
    "unsaid": "{where} refuses requests without saying why: most likely the temporary credentials have expired, or "
    "storage.region is not the bucket's; renew or correct them and run the same command again",
    "region": "{where} is not in this region{detail}; set storage.region to the bucket's",
    "no_credentials": "no credentials for {where}; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "unreachable": "{where} cannot be reached{detail}; check storage.endpoint, the network, and that the server is running",
    "missing": "{where} does not exist; check the path",
    "read_only": "{where} cannot be written{detail}; choose a storage.root that this user may write to",
    "full": "{where} cannot be written: no space is left there",
    "other": "{where} failed{detail}",
}
# with what the server said
_TOLD = ("denied", "expired", "clock", "region", "unreachable", "read_only", "other")
# First match wins, over error codes and texts alike.
_SIGNS: list[tuple[str, str]] = [
    ("no_bucket", r"NoSuchBucket"),
    (
        "expired",
        r"ExpiredToken|TokenRefreshRequired|token (included in the request )?(has|is) expired",
    ),
    ("clock", r"RequestTimeTooSkewed"),
    # The answer to a HEAD has no body, and so no code.
    ("unsaid", r"performing HEAD .*\b400\b|\(400\) when calling the Head"),
    (
        "region",
        r"AuthorizationHeaderMalformed|PermanentRedirect|TemporaryRedirect|IllegalLocationConstraint",
    ),
    ("region", r"redirect without LOCATION|incorrectly configured region"),
    (
        "denied",
        r"AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|Forbidden|InvalidToken|\b40[13]\b",
    ),
    (
        "no_credentials",
        r"NoCredentials|Unable to locate credentials|no providers in chain|CredentialsNotLoaded",
    ),
    ("no_credentials", r"PartialCredentials|ProfileNotFound|TokenRetrieval"),
    (
        "unreachable",
        r"EndpointConnectionError|ConnectTimeout|ReadTimeout|ConnectionClosed|ConnectionError|SSLError",
    ),
    ("unreachable", r"ProxyConnectionError|HTTPClientError|InvalidEndpoint|Invalid endpoint"),
    (
        "unreachable",
        r"[Cc]onnection refused|dns error|[Cc]onnect error|error sending request|timed out|tcp connect",
    ),
    ("missing", r"NoSuchKey|NotFound|\b404\b|No such file|not found"),
    ("read_only", r"[Pp]ermission denied|[Rr]ead-only"),
    ("full", r"No space left|[Dd]isk quota"),
]
_ERRNO = {
    errno.ENOENT: "missing",
    errno.ENOTDIR: "missing",
    errno.EACCES: "read_only",
    errno.EPERM: "read_only",
    errno.EROFS: "read_only",
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
}


def storage_error(error: BaseException, where: str) -> StorageError:
    """One line about `error`, met at the path or URI `where`.

    >>> str(storage_error(PermissionError(13, "Permission denied"), "/data"))
    '/data cannot be written (Permission denied); choose a storage.root that this user may write to'
    """
    kind = kind_of(error)
    detail = f" ({_first_line(error)})" if kind in _TOLD else ""
    return StorageError(_ADVICE[kind].format(where=where, detail=detail))


def kind_of(error: BaseException) -> str:
    """One of the keys of `_ADVICE`: what went wrong, whichever library says so."""
    if isinstance(error, OSError) and error.errno in _ERRNO:
        return _ERRNO[error.errno]
    text = f"{type(error).__name__} {_code(error)} {error}"
    return next((kind for kind, sign in _SIGNS if re.search(sign, text)), "other")


def _code(error: BaseException) -> str:
    """botocore's ClientError carries the service's code in `response`."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _first_line(error: BaseException) -> str:
    text = _code(error) or getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:160]


@contextmanager
def lance_faults(uri: str) -> Iterator[None]:
    """Lance's input and output errors at `uri` leave as StorageError; its other errors are bugs and
    pass through.

    Raises:
        StorageError: an OSError came out of Lance or the file system below it, or a ValueError, as
            which it reports the same when it opens a table, and Arrow when it reads one in batches.
    """
    try:
        yield
    except OSError as error:
        raise storage_error(error, uri) from error
    except ValueError as error:
        if "LanceError(IO)" not in str(error):
            raise
        raise storage_error(error, uri) from error
