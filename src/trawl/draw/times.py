"""Formats times for people."""


def clock(seconds: float) -> str:
    """Format seconds as minutes and seconds to a tenth, with hours if there are any.

    >>> clock(0), clock(75.26), clock(3599.97), clock(3725)
    ('00:00.0', '01:15.3', '1:00:00.0', '1:02:05.0')
    """
    tenths = round(max(seconds, 0.0) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{minutes:02d}:{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{tail}" if hours else tail
