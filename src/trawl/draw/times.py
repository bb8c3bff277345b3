"""Times as people read them."""


def clock(seconds: float) -> str:
    """Minutes and seconds to a tenth; hours where there are any.

    >>> clock(0), clock(75.26), clock(3599.97), clock(3725)
    ('00:00.0', '01:15.3', '1:00:00.0', '1:02:05.0')
    """
    tenths = round(max(seconds, 0.0) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    tail = f"{minutes:02d}:{rest // 10:02d}.{rest % 10}"
    return f"{hours}:{tail}" if hours else tail
