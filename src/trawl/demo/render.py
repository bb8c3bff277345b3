"""A scene at an instant, as pixels with exact masks. In memory, at any size; no codec.

`Canvas` paints a scene's textures once for one frame size, then draws any instant. Truth is what is
drawn: a pixel belongs to the topmost thing that covers at least half of it. Knows nothing of files
or words. cv2 alone does the drawing, a thing at a time inside its own box, which keeps a 320 x 240
frame at 2 to 3 ms on one core.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from trawl.demo.background import Texture, paint
from trawl.demo.scene import Backdrop, Scene, Thing
from trawl.demo.shapes import outline

_SUB = 4  # fixed-point bits of a polygon's corners
# pixels by which cv2's smooth filling is wider than the polygon, measured over all shapes
_RIM = 0.63
_VIEW = 0.62  # the frame's long side as a share of the texture's side


@dataclass(frozen=True, slots=True)
class Picture:
    """One instant. image (H, W, 3) uint8 RGB; ids (H, W) int8, the thing on top or -1; whole: for
    each thing the pixels that it would cover without occlusion and without the frame's edge, 0.0
    when it is not present; inside: for each thing whether any of it lies inside the frame, hidden
    or not.
    """

    image: NDArray[np.uint8]
    ids: NDArray[np.int8]
    whole: tuple[float, ...]
    inside: tuple[bool, ...]


class Canvas:
    """Draws one scene at one frame size."""

    def __init__(
        self, scene: Scene, height: int, width: int, textures: list[Texture] | None = None
    ) -> None:
        """textures: those of another canvas of this size whose scene has the same backdrops, to
        save painting them.
        """
        self.scene, self.height, self.width = scene, height, width
        side = math.ceil(max(height, width) / _VIEW)
        self.textures = textures or [
            paint(d.kind, np.random.default_rng(d.seed), side) for d in scene.backdrops
        ]
        noise = np.random.default_rng(scene.noise_seed).normal(
            0, scene.noise, (height + 32, width + 32)
        )
        self._noise = noise.astype(np.float32).round().astype(np.int16)

    def at(self, time_s: float) -> Picture:
        """The picture at a time in seconds. The same for the same scene, size and time."""
        index = self.scene.backdrop_index(time_s)
        image = self._view(self.scene.backdrops[index], self.textures[index], time_s)
        ids = np.full((self.height, self.width), -1, dtype=np.int8)
        drawn = [
            self._draw(image, ids, k, thing, time_s) for k, thing in enumerate(self.scene.things)
        ]
        return Picture(
            self._grain(image, time_s), ids, tuple(d[0] for d in drawn), tuple(d[1] for d in drawn)
        )

    def _view(self, drop: Backdrop, texture: Texture, time_s: float) -> NDArray[np.uint8]:
        """Return the camera's view of a texture: panned, zoomed and turned."""
        side = texture.shape[0]
        scale = drop.zoom.at(time_s) * _VIEW * side / max(self.height, self.width)
        c, s = scale * math.cos(drop.turn.at(time_s)), scale * math.sin(drop.turn.at(time_s))
        cx, cy = (0.5 + drop.pan_x.at(time_s)) * side, (0.5 + drop.pan_y.at(time_s)) * side
        u, v = self.width / 2, self.height / 2
        matrix = np.array(
            [[c, -s, cx - c * u + s * v], [s, c, cy - s * u - c * v]], dtype=np.float64
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (self.width, self.height)
        view = cv2.warpAffine(texture, matrix, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(view, dtype=np.uint8)

    def _draw(
        self,
        image: NDArray[np.uint8],
        ids: NDArray[np.int8],
        index: int,
        thing: Thing,
        time_s: float,
    ) -> tuple[float, bool]:
        """Draw one thing into image and ids; its whole area in pixels, and whether any of it is
        inside the frame.
        """
        if not thing.present(time_s):
            return 0.0, False
        radius = thing.diameter * min(self.height, self.width) / 2
        x, y = thing.place(time_s)
        angle = thing.angle + thing.spin * time_s
        c, s = math.cos(angle), math.sin(angle)
        turn = np.array([[c, s], [-s * thing.squash, c * thing.squash]]) * radius
        contours = [
            contour @ turn + (x * self.width, y * self.height) for contour in outline(thing.shape)
        ]
        outlines = [contour.astype(np.float32) for contour in contours]
        areas = [cv2.contourArea(contour) for contour in outlines]
        rim = _RIM * sum(cv2.arcLength(contour, True) for contour in outlines)
        margin = 2 + radius * 0.14
        low = (
            np.floor(contours[0].min(axis=0) - margin)
            .astype(int)
            .clip(0, (self.width, self.height))
        )
        high = (
            np.ceil(contours[0].max(axis=0) + margin).astype(int).clip(0, (self.width, self.height))
        )
        inside = False
        if (high > low).all():
            box = (slice(low[1], high[1]), slice(low[0], high[0]))
            alpha = self._coverage(contours, low, high)
            image[box] = self._shade(
                image[box], alpha, thing, (x * self.width - low[0], y * self.height - low[1]), angle
            )
            ids[box][alpha > 127] = index
            inside = bool((alpha > 127).any())
        return float(areas[0] - sum(areas[1:]) + rim), inside

    def _coverage(
        self, contours: list[NDArray[np.float64]], low: NDArray[np.int_], high: NDArray[np.int_]
    ) -> NDArray[np.uint8]:
        """(h, w) 0-255: how much of each pixel of the box the outline covers, holes left out."""
        alpha = np.zeros((high[1] - low[1], high[0] - low[0]), dtype=np.uint8)
        # a pixel's centre is at .5 here and at .0 in cv2
        points = [
            np.round((contour - low - 0.5) * 2**_SUB).astype(np.int32) for contour in contours
        ]
        cv2.fillPoly(alpha, points, 255, cv2.LINE_AA, _SUB)
        return alpha

    def _shade(
        self,
        under: NDArray[np.uint8],
        alpha: NDArray[np.uint8],
        thing: Thing,
        centre: tuple[float, float],
        angle: float,
    ) -> NDArray[np.uint8]:
        """The box with the thing painted over it: a soft shadow, a side in the light, a pattern
        that turns with it.
        """
        h, w = alpha.shape
        radius = thing.diameter * min(self.height, self.width) / 2
        u = (np.arange(w, dtype=np.float32)[None, :] - np.float32(centre[0])) / np.float32(radius)
        v = (np.arange(h, dtype=np.float32)[:, None] - np.float32(centre[1])) / np.float32(radius)
        lx, ly = np.float32(math.cos(thing.light)), np.float32(math.sin(thing.light))
        tone = 1 + np.float32(0.13) * (u * lx + v * ly)
        if thing.pattern != "plain":
            c, s = np.float32(math.cos(angle)), np.float32(math.sin(angle))
            p, q = (u * c + v * s) * thing.pattern_scale, (v * c - u * s) * thing.pattern_scale
            bright = (
                np.sin(p * np.float32(3))
                if thing.pattern == "stripes"
                else np.sin(p * 3) * np.sin(q * 3)
            )
            tone = tone * (1 - np.float32(thing.pattern_depth) * (bright > 0.1))
        soft = max(int(radius * 0.12) | 1, 3)
        shifted = cv2.warpAffine(
            alpha, np.array([[1, 0, -lx * radius * 0.07], [0, 1, -ly * radius * 0.07]]), (w, h)
        )
        shadow = 1 - cv2.blur(shifted, (soft, soft)).astype(np.float32) * np.float32(0.4 / 255)
        paint_rgb = np.clip(tone[..., None] * np.array(thing.rgb, dtype=np.float32), 0, 255)
        a = alpha.astype(np.float32)[..., None] / np.float32(255)
        return np.asarray(under * shadow[..., None] * (1 - a) + paint_rgb * a, dtype=np.uint8)

    def _grain(self, image: NDArray[np.uint8], time_s: float) -> NDArray[np.uint8]:
        """The sensor's noise: one tile, shifted by an offset that differs from frame to frame."""
        tick = round(time_s * 1000)
        dy, dx = (tick * 7) % 32, (tick * 13) % 32
        noise = self._noise[dy : dy + self.height, dx : dx + self.width, None]
        return np.asarray(np.clip(image + noise, 0, 255), dtype=np.uint8)
