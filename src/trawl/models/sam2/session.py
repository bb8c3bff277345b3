"""SAM 2 over frames in memory: prompts to masks, and objects followed forwards or backwards, many
at once.

Equal to the sam2 package's own video predictor, object by object, each in a fresh state that begins
at the object's own first prompt; batching changes only the last digits. What differs by choice:
nothing is kept between two calls but image features, so a pass backwards never sees what a pass
forwards remembered; an object is not followed on frames before it begins; frames need no folder of
JPEGs. Memory does not grow with the session but for the frames themselves.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)
from numpy.typing import NDArray
from torch import Tensor

from trawl.errors import DeviceMemoryError
from trawl.models.sam2.guided import Guide
from trawl.models.sam2.heads import Decoded
from trawl.models.sam2.images import FrameFeatures, ImageFeatures
from trawl.models.sam2.memory import Memory, MemoryBank, ObjectMemory
from trawl.models.sam2.model import Sam2Model
from trawl.models.session import Spans, check_frames, check_prompts, spans
from trawl.records.arrays import Frames
from trawl.records.tracking import Prompt, TrackedFrame

T = TypeVar("T")
# of masks being enlarged: 16 MiB, and several times that where they are guided
_PIXELS_AT_ONCE = 2**22


class Sam2Session:
    """A `protocols.Session`. Box and points are in pixels of the session's size, as masks are."""

    def __init__(self, sam2: Sam2Model, frames: Frames, size: tuple[int, int] | None) -> None:
        self._size = check_frames(frames, size)
        self._sam2 = sam2
        self._heads = sam2.heads
        self._features = ImageFeatures(sam2.model, frames, sam2.cache_bytes, sam2.frame_batch)

    def segment(self, prompts: Sequence[Prompt]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Each prompt's object on the prompt's own frame: masks (K, H, W) bool and scores (K,)
        float32, 0-1. K may be 0.

        Raises:
            DeviceMemoryError: the model ran out of memory.
        """
        check_prompts(prompts, len(self._features), self._size)
        return self._guarded(lambda: self._segment(prompts))

    def propagate(self, prompts: Sequence[Prompt], reverse: bool = False) -> Iterator[TrackedFrame]:
        """Follow the prompted objects to the end of the session, or with `reverse` to its
        beginning.

        Raises:
            DeviceMemoryError: the model ran out of memory; frames yielded before are good.
        """
        check_prompts(prompts, len(self._features), self._size, one_each=True)
        return self._follow(prompts, reverse)

    def _follow(self, prompts: Sequence[Prompt], reverse: bool) -> Iterator[TrackedFrame]:
        objects = _Pass(self, prompts, reverse)
        try:
            for position in objects.order:
                yield self._guarded(lambda at=position: objects.step(at))  # type: ignore[misc]
        finally:
            objects.live.clear()

    def _guarded(self, work: Callable[[], T]) -> T:
        """Run some of the model; what runs out of memory leaves nothing behind and has one name."""
        try:
            with torch.inference_mode(), self._sam2.autocast():
                return work()
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not _is_out_of_memory(error):
                raise
            told = next(iter(str(error).splitlines()), "")
        # Outside of the handler, where the error and with it the tensors of its frames are gone.
        self._features.clear()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise DeviceMemoryError(f"{self._sam2.device}: {told}")

    def _segment(self, prompts: Sequence[Prompt]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        masks = np.zeros((len(prompts), *self._size), bool)
        scores = np.zeros(len(prompts), np.float32)
        for members, _, decoded in self.outline(prompts):
            masks[members] = self.display(decoded.logits, prompts[members[0]].position)
            scores[members] = decoded.scores().cpu().numpy()
        return masks, scores

    def outline(
        self, prompts: Sequence[Prompt]
    ) -> Iterator[tuple[list[int], FrameFeatures, Decoded]]:
        """Prompts on their own frames, those of one frame and one kind together: (which of them,
        the frame, objects).
        """
        kinds = [(p.position, -1 if p.mask is not None else _num_points(p)) for p in prompts]
        for (position, _), members in grouped(
            range(len(prompts)), lambda i: kinds[i], self._sam2.object_batch
        ):
            features = self._features.get(position)
            yield members, features, self._outline([prompts[i] for i in members], features)

    def features(self, position: int, ahead: Sequence[int]) -> FrameFeatures:
        """A frame's features; `ahead` are the positions that come next."""
        return self._features.get(position, ahead)

    @property
    def sam2(self) -> Sam2Model:
        """The model behind it."""
        return self._sam2

    @property
    def num_frames(self) -> int:
        """T."""
        return len(self._features)

    def _outline(self, prompts: Sequence[Prompt], features: FrameFeatures) -> Decoded:
        """Prompts of one kind on one frame."""
        if prompts[0].mask is not None:
            return self._heads.copy(features, self._mask_input(prompts))
        scale = np.array([self._size[1], self._size[0]], np.float32)
        coords, labels = (np.stack(parts) for parts in zip(*map(_as_points, prompts)))
        inputs = (
            torch.from_numpy(coords / scale * np.float32(self._sam2.image_size)),
            torch.from_numpy(labels),
        )
        return self._heads.point(features, *(t.to(self._sam2.device) for t in inputs))

    def _mask_input(self, prompts: Sequence[Prompt]) -> Tensor:
        """(B, 1, S, S) of 0 and 1."""
        masks = torch.from_numpy(np.stack([p.mask for p in prompts if p.mask is not None]))[:, None]
        masks, side = masks.to(self._sam2.device).float(), self._sam2.image_size
        if masks.shape[2:] == (side, side):
            return masks
        masks = F.interpolate(
            masks, (side, side), mode="bilinear", align_corners=False, antialias=True
        )
        return (masks >= 0.5).float()

    def display(self, logits: Tensor, position: int) -> NDArray[np.bool_]:
        """(B, 1, h, w) logits on a frame -> (B, H, W) bool at the session's size."""
        masks = np.empty((len(logits), *self._size), bool)
        step = max(1, _PIXELS_AT_ONCE // masks[0].size)
        with torch.autocast(logits.device.type, enabled=False):
            enlarge = self._enlarge(position, logits)
            for i in range(0, len(logits), step):
                masks[i : i + step] = enlarge(logits[i : i + step]).cpu().numpy()
        return masks

    def _enlarge(self, position: int, logits: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the function that turns logits into masks, as the tracker is set."""
        if self._sam2.upsample == "guided":
            height, width = logits.shape[2:]
            return Guide(self._features.picture(position), self._size, (height, width)).enlarge
        return self._enlarge_bilinear

    def _enlarge_bilinear(self, logits: Tensor) -> Tensor:
        if tuple(logits.shape[2:]) != self._size:
            logits = F.interpolate(logits, self._size, mode="bilinear", align_corners=False)
        return logits[:, 0] > 0


class _Pass:
    """The objects of one call of `propagate`, and what is remembered of them."""

    def __init__(self, session: Sam2Session, prompts: Sequence[Prompt], reverse: bool) -> None:
        self._session = session
        self._prompts = prompts
        self._heads = session.sam2.heads
        self._bank = MemoryBank(session.sam2.model, session.num_frames, reverse)
        self._spans: Spans = spans(prompts, reverse)
        self.order = self._spans.positions(session.num_frames)
        self.live: dict[int, ObjectMemory] = {}
        # logits and score on prompted frames to come
        self._told: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    def step(self, position: int) -> TrackedFrame:
        """One frame: begin what begins here, follow the rest."""
        ids = self._spans.begun(position)
        self._begin([i for i in ids if i not in self.live])
        found = {i: self._told.pop((i, position)) for i in ids if (i, position) in self._told}
        following = [i for i in ids if i not in found]
        if following:
            found |= self._track(position, following)
        logits = torch.stack([found[i][0] for i in ids])
        scores = torch.stack([found[i][1] for i in ids]).cpu().numpy()
        return TrackedFrame(
            position, np.array(ids, np.int64), self._session.display(logits, position), scores
        )

    def _begin(self, ids: Sequence[int]) -> None:
        """Outline objects on all frames where they are prompted, those still to come included:
        memory looks at them.
        """
        prompts = [p for p in self._prompts if p.object_id in ids]
        made: list[Memory | None] = [None] * len(prompts)
        for members, features, decoded in self._session.outline(prompts):
            remembered = self._heads.remember(features, decoded, prompted=True)
            scores = decoded.scores()
            for row, i in enumerate(members):
                made[i] = Memory(remembered[row], decoded.pointers[row])
                self._told[prompts[i].object_id, prompts[i].position] = (
                    decoded.logits[row],
                    scores[row],
                )
        for object_id in ids:
            told = [
                (p.position, memory) for p, memory in zip(prompts, made) if p.object_id == object_id
            ]
            self.live[object_id] = ObjectMemory(
                {position: memory for position, memory in told if memory is not None}
            )

    def _track(self, position: int, ids: Sequence[int]) -> dict[int, tuple[Tensor, Tensor]]:
        """Objects on a frame where nobody says anything of them: logits (1, h, w) and score () of
        each.
        """
        features = self._session.features(position, self._ahead(position))
        queries = self._bank.queries(features.top, self._heads.place)
        recalls = {i: self._bank.recall(self.live[i], position) for i in ids}
        found: dict[int, tuple[Tensor, Tensor]] = {}
        for _, members in grouped(
            ids, lambda i: recalls[i].layout, self._session.sam2.object_batch
        ):
            conditioned = self._bank.attend(
                queries, self._heads.place, [recalls[i] for i in members]
            )
            decoded = self._heads.track(conditioned, features)
            scores = decoded.scores()
            found |= {i: (decoded.logits[row], scores[row]) for row, i in enumerate(members)}
            if position != self.order[-1]:
                remembered = self._heads.remember(features, decoded, prompted=False)
                for row, i in enumerate(members):
                    self._bank.keep(
                        self.live[i], position, Memory(remembered[row], decoded.pointers[row])
                    )
        return found

    def _ahead(self, position: int) -> range:
        here = self.order.index(position)
        return self.order[here + 1 : here + self._session.sam2.frame_batch]


def grouped(
    items: Iterable[int], key: Callable[[int], Any], largest: int
) -> Iterator[tuple[Any, list[int]]]:
    """Items of equal key together, at most `largest` at a time, in order of first appearance."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    for name, members in groups.items():
        for start in range(0, len(members), largest):
            yield name, members[start : start + largest]


def _num_points(prompt: Prompt) -> int:
    """As the model counts them: a box is two."""
    return (2 if prompt.box is not None else 0) + (
        0 if prompt.points is None else len(prompt.points)
    )


def _as_points(prompt: Prompt) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """-> (P, 2) xy and (P,) labels, a box's corners first, as SAM 2 is trained."""
    coords, labels = np.empty((0, 2), np.float32), np.empty(0, np.int32)
    if prompt.box is not None:
        coords, labels = prompt.box.reshape(2, 2).astype(np.float32), np.array([2, 3], np.int32)
    if prompt.points is not None and prompt.labels is not None:
        coords = np.concatenate([coords, prompt.points.astype(np.float32)])
        labels = np.concatenate([labels, prompt.labels.astype(np.int32)])
    return coords, labels


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    # torch's allocator for the CPU has no class of its own
    return "can't allocate memory" in str(error)
