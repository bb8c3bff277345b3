import pytest
from hypothesis import given
from hypothesis import strategies as st

from trawl.storage.veil import is_veiled, place, scrub, scrubbed, veil

SIGNED = "https://b.s3.amazonaws.com/cam/a%20b.mp4?X-Amz-Credential=AKIAEXAMPLE%2F20261121&X-Amz-Signature=0a1b2c3d4e5f"
_LETTERS = st.text("abcdefghijkABC0123456789-_.~%+", min_size=8, max_size=24)


@pytest.mark.parametrize(
    ("uri", "veiled"),
    [
        (SIGNED, "https://b.s3.amazonaws.com/cam/a%20b.mp4?***"),
        ("http://h/a b.mp4?id=7#t=3", "http://h/a b.mp4?***"),
        ("https://h/a.mp4#token", "https://h/a.mp4?***"),
        ("https://ann:p@ss@h:8443/a.mp4", "https://***@h:8443/a.mp4"),
        ("simplecache::https://ann:pw@h/a.mp4?x=1", "simplecache::https://***@h/a.mp4?***"),
        ("sftp://ann:pw@h/a.mp4", "sftp://***@h/a.mp4"),
        ("s3://KEY:SECRET@bucket/a.mp4", "s3://***@bucket/a.mp4"),
        # nothing to hide
        ("https://h/a.mp4", "https://h/a.mp4"),
        ("https://h/mail@home/a.mp4", "https://h/mail@home/a.mp4"),
        ("s3://bucket/what?#1@x.mp4", "s3://bucket/what?#1@x.mp4"),
        (
            "abfs://container@account.dfs.core.windows.net/a.mp4",
            "abfs://container@account.dfs.core.windows.net/a.mp4",
        ),
        ("/data/a?b#c@d.mp4", "/data/a?b#c@d.mp4"),
        ("file:///data/a?b.mp4", "file:///data/a?b.mp4"),
    ],
)
def test_a_uri_keeps_its_place(uri: str, veiled: str) -> None:
    assert veil(uri) == veiled
    assert veil(veiled) == veiled
    assert is_veiled(veiled) is (uri != veiled)
    assert place(uri) == place(veiled)
    assert "***" not in place(uri)


@given(_LETTERS, _LETTERS, _LETTERS)
def test_no_secret_of_a_url_is_left_in_what_is_said_of_it(
    user: str, password: str, signature: str
) -> None:
    uri = f"https://{user}:{password}@host/x.mp4?X-Amz-Signature={signature}&id={signature[::-1]}"
    told = scrub(f"403, message='Forbidden', url={uri!r}; tried {signature} as {user}", uri)
    for secret in (f"{user}:{password}", signature, f"={signature[::-1]}"):
        assert secret not in told
        assert secret not in veil(uri)
    assert "message='Forbidden'" in told or "Forbidden" in (user, password, signature)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"GET {SIGNED} failed", "0a1b2c3d4e5f"),
        # a space breaks the URL up
        ("https://h/a b.mp4?X-Amz-Signature=0a1b2c3d4e5f", "0a1b2c3d4e5f"),
        ("url=https%3A%2F%2Fh%2Fa%3FX-Amz-Signature%3D0a1b2c3d4e5f", "0a1b2c3d4e5f"),
        ('{"Authorization": "Bearer 0a1b2c3d4e5f"}', "0a1b2c3d4e5f"),
        (
            "Authorization: AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=0a1b2c3d4e5f",
            "0a1b2c3d4e5f",
        ),
        ("proxy http://ann:hunter2hunter2@proxy:3128 refused", "hunter2"),
        ("?access_token=0a1b2c3d4e5f&x", "0a1b2c3d4e5f"),
    ],
)
def test_texts(text: str, secret: str) -> None:
    assert secret not in scrub(text)


def test_values_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalr/XUtnFEMI+K7MDENG")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "FwoGZXIvYXdzEXAMPLE")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/eks/token")
    monkeypatch.setenv("SHORT_TOKEN", "on")
    text = "on wJalr/XUtnFEMI+K7MDENG and FwoGZXIvYXdzEXAMPLE, by /var/run/secrets/eks/token"
    assert scrub(text) == "on *** and ***, by /var/run/secrets/eks/token"
    assert scrubbed({"a": [{"FwoGZXIvYXdzEXAMPLE": text}], "n": 3, "t": ("x",)}) == {
        "a": [{"***": scrub(text)}],
        "n": 3,
        "t": ["x"],
    }


@given(st.text("abc /.:=?&xyz,", max_size=60))
def test_a_text_without_a_url_or_a_secret_stays_as_it_is(text: str) -> None:
    assert scrub(text) == text
