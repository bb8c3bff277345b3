"""Explains each reason for a failure, and what to do about it.

`docs/failures.md` says the same; a test compares.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from trawl.records.video import Reason


@dataclass(frozen=True, slots=True)
class Explanation:
    """Two short sentences for a person: what happened, and what to try."""

    meaning: str
    remedy: str


EXPLANATIONS: Mapping[Reason, Explanation] = MappingProxyType(
    {
        Reason.EMPTY_FILE: Explanation(
            "The file has zero bytes.",
            "Copy or record it again; a new file is taken up by the next run.",
        ),
        Reason.NOT_A_VIDEO: Explanation(
            "No container that is known starts with these bytes: text, a picture, an archive, or an encrypted file.",
            "Rename or remove it, or narrow dataset.glob, so that it is not listed.",
        ),
        Reason.PLAYLIST: Explanation(
            "It is a playlist or a script that names other files, which are never opened.",
            "Put the files that it names into the corpus and leave the playlist out by dataset.glob.",
        ),
        Reason.NO_VIDEO_STREAM: Explanation(
            "There is sound or text in the container, and no pictures.",
            "Leave it out by dataset.glob, or remove it.",
        ),
        Reason.UNSUPPORTED_CODEC: Explanation(
            "The container is readable, the codec in it is not: neither decoder has it.",
            "Convert it, as with ffmpeg -i in -c:v libx264 out.mp4; the new file is taken up by the next run.",
        ),
        Reason.TRUNCATED: Explanation(
            "The part of the container that says where the pictures are is missing: the file was cut off.",
            "Upload it again, whole; if it was still being written, the next run sees the new bytes by itself.",
        ),
        Reason.CORRUPT: Explanation(
            "The container or its packets contradict themselves, and nothing usable could be decoded.",
            "Get another copy. Where other programs play it, convert it with ffmpeg, and report the file.",
        ),
        Reason.NO_FRAMES: Explanation(
            "It opened well, and not one picture came out.",
            "Look at it in a player; if it is empty there, remove it.",
        ),
        Reason.TOO_LARGE: Explanation(
            "A picture has more pixels, or the file more bytes, than the limits allow.",
            "If it is meant to be so, raise decode.max_pixels or decode.max_bytes, then retry=too_large.",
        ),
        Reason.OUT_OF_MEMORY: Explanation(
            "The decoding process passed its memory limit, or the system killed it for want of memory.",
            "It is tried again by itself, three times in all. If it stays, raise decode.max_memory_mb, or run fewer "
            "resources.decode_actors a machine, then retry=out_of_memory.",
        ),
        Reason.DECODER_CRASHED: Explanation(
            "The decoding process died on it; the message holds its last words. Nothing but this video was harmed.",
            "It is tried again by itself, three times in all. If it stays, convert the file with ffmpeg, or try "
            "decode.decoder=pyav, and report the file.",
        ),
        Reason.DECODER_TIMEOUT: Explanation(
            "Decoding took longer than decode.timeout_s: a very large video, a slow machine, or a file made to hang.",
            "It is tried again by itself, three times in all. If it is simply large, raise decode.timeout_s or lower "
            "decode.span_s, then retry=decoder_timeout.",
        ),
        Reason.UNREADABLE: Explanation(
            "The storage refused or lost the file's bytes: permissions, an expired credential, a file gone since it was listed.",
            "It is tried again by itself, three times in all. If it stays, read the file by hand with the same credentials, "
            "put that right, then retry=unreadable.",
        ),
        Reason.WORKER_DIED: Explanation(
            "The process or the machine that had the video went away three times: a spot node, the machine's memory, a "
            "network that broke.",
            "It is tried again by itself, three times in all. If one video stays with it on healthy machines, quarantine it.",
        ),
        Reason.SET_ASIDE: Explanation(
            "Somebody put it into quarantine by hand; the message says what it was before.",
            "release= lets it out again, or retry=set_aside all of them.",
        ),
    }
)


def explain(reason: str | None) -> Explanation:
    """For a word as the ledger holds it; one that a newer version wrote is told as such."""
    try:
        return EXPLANATIONS[Reason(reason or "")]
    except ValueError:
        return Explanation(
            "This version does not know the reason.", "Look at it with the version that indexed it."
        )
