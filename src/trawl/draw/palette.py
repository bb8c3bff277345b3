"""Defines one colour per tracked object and the text colour that goes on it.

The colours are Okabe and Ito's palette without black, which people with colour blindness can tell
apart, ordered so that the first ones differ most. They repeat after seven, so the object's number
is always shown beside its colour.
"""

Rgb = tuple[int, int, int]  # 0-255

COLORS: tuple[Rgb, ...] = (
    (230, 159, 0),  # orange
    (86, 180, 233),  # sky blue
    (213, 94, 0),  # vermilion
    (0, 158, 115),  # green
    (240, 228, 66),  # yellow
    (204, 121, 167),  # purple
    (0, 114, 178),  # blue
)
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)


def color(number: int) -> Rgb:
    """Return the colour of the object with this number in its clip, 0 or more."""
    return COLORS[number % len(COLORS)]


def ink(background: Rgb) -> Rgb:
    """Return black or white, whichever reads better on `background`."""
    return max((_BLACK, _WHITE), key=lambda letters: contrast(letters, background))


def contrast(a: Rgb, b: Rgb) -> float:
    """Return WCAG's contrast ratio, 1 to 21.

    >>> contrast((0, 0, 0), (255, 255, 255))
    21.0
    """
    darker, lighter = sorted((_luminance(a), _luminance(b)))
    return (lighter + 0.05) / (darker + 0.05)


def css(value: Rgb) -> str:
    """Return a colour as CSS writes it.

    >>> css((230, 159, 0))
    '#e69f00'
    """
    return "#{:02x}{:02x}{:02x}".format(*value)


def _luminance(value: Rgb) -> float:
    parts = [part / 255 for part in value]
    red, green, blue = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
