"""How good the demo CLIP is: text to frame, and text to place in the frame.

Prints the table of the model card.

    python -m training.evaluate_clip                          # 2,000 freshly drawn test scenes
    python -m training.evaluate_clip --corpus data/corpora/demo   # the test videos of a corpus,
                                                                  through H.264

A query is answered as the product does it: its text in the product's templates, averaged; one
embedding a frame; cosine; or with a second look at the best AGAIN frames, as `jobs.query
rerank=...` does. R@k: the share of queries that have a right frame among their best k. A frame is
right when every thing that is asked for can be seen to at least RIGHT of its area. Pointing game:
the share of (picture, visible thing) in which the patch map's highest point, after bilinear scaling
to the picture, lies on the thing.
"""

import argparse
import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import open_clip
import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)
from numpy.typing import NDArray
from torch import Tensor

from training import gallery
from training.gallery import Gallery
from training.phrases import Want
from trawl.demo import clip, words
from trawl.ground.clip import squashed
from trawl.ground.views import view_of
from trawl.models import precision
from trawl.models.clip.dense import DEMO_SCALE, demo_contrast
from trawl.models.clip.openclip import quiet
from trawl.models.clip.tiled import windows
from trawl.query.templates import SENTENCE, fill, named_things

RIGHT = 0.3  # least visible share of each thing in a right frame
AGAIN = 20
_CLEAR = 0.5  # least visible share of a thing that the pointing game asks for


@dataclass(frozen=True, slots=True)
class Query:
    text: str
    wants: tuple[Want, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """One line of the table. relevant: right frames per query, on average."""

    name: str
    queries: int
    relevant: float
    recall_1: float
    recall_5: float


class Judge:
    """The model with a gallery's embeddings; everything is computed once."""

    def __init__(
        self,
        shown: Gallery,
        weights: Path | None = None,
        word: str = "fp32",
        by_windows: bool = False,
    ) -> None:
        """
        Args:
            shown: pictures of the model's size, or of twice that where windows of them are to be
                looked at.
            word: the precision of pictures, settled; computed as said even where the hardware lacks
                it.
            by_windows: a second look is at windows, as for a model whose patches were not trained
                to point.
        """
        clip.register()
        with quiet():
            self._model = open_clip.create_model(clip.MODEL_NAME, pretrained=None)
        self._model.load_state_dict(clip.load_state_dict(weights), strict=True)
        self._model.eval().requires_grad_(False)
        self._dtype = precision.lower(self._model.visual, word)
        self._tokenize = open_clip.get_tokenizer(clip.MODEL_NAME)
        self.shown = shown
        self._by_windows = by_windows
        size: int = clip.config()["vision_cfg"]["image_size"]
        images = (
            np.stack([squashed(image, size) for image in shown.images])
            if by_windows
            else shown.images
        )
        parts = [self._look(images[k : k + 64]) for k in range(0, len(images), 64)]
        self._frames, self._patches = (torch.cat(part) for part in zip(*parts))

    @torch.inference_mode()
    def _look(self, images: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        mean, std = torch.tensor(clip.IMAGE_MEAN) * 255, torch.tensor(clip.IMAGE_STD) * 255
        pixels = ((torch.from_numpy(images) - mean) / std).permute(0, 3, 1, 2)
        tower = self._model.visual.trunk
        # A patch keeps its length: a patch of bare background is short, and its direction means
        # little.
        with precision.autocast(self._dtype, pixels.device):
            return F.normalize(tower(pixels).float(), dim=-1), tower.forward_patches(pixels).float()

    @torch.inference_mode()
    def read(self, text: str, templates: str) -> Tensor:
        """(D,) a query's vector."""
        vectors = self._model.encode_text(self._tokenize(fill(text, templates)), normalize=True)
        return F.normalize(vectors.mean(dim=0), dim=-1)

    def retrieve(
        self, name: str, queries: Sequence[Query], templates: str = "clip", again: int = 0
    ) -> Score:
        """R@1 and R@5 of the queries that have a right frame at all.

        again: frames that are looked at again, the best ones.
        """
        first, fifth, relevant = [], [], []
        for query in queries:
            right = np.array([_right(seen, query.wants) for seen in self.shown.seen])
            if right.any():
                scores = self._frames @ self.read(query.text, templates)
                best = scores.topk(max(again, 5)).indices.numpy()
                if again:
                    best = best[
                        np.argsort(
                            -scores[best].numpy() * self._shares(query.text, best), kind="stable"
                        )
                    ]
                best = best[:5]
                first.append(right[best[0]])
                fifth.append(right[best].any())
                relevant.append(right.sum())
        count = len(first)
        means = [float(np.mean(x)) if count else float("nan") for x in (relevant, first, fifth)]
        return Score(name, count, *means)

    def _shares(self, text: str, frames: NDArray[np.int64]) -> NDArray[np.float32]:
        """(F,) of each of these frames: the product of what the best part of it for each thing in
        the text has of it.
        """
        parts = (
            self._windows[frames]
            if self._by_windows
            else (self._patches[frames] * DEMO_SCALE).numpy()
        )
        views = [
            view_of(thing, demo_contrast(), self._vector, self._model.logit_scale.exp().item())
            for thing in named_things(text)
        ]
        shares: NDArray[np.float32] = np.prod(
            [view.share(parts).max(axis=(1, 2)) for view in views], axis=0
        )
        return shares

    @cached_property
    def _windows(self) -> NDArray[np.float32]:
        """(N, 3, 3, D) of all pictures' windows, times the model's scale."""
        size, scale = self.shown.images.shape[1] // 2, self._model.logit_scale.exp()
        parts = [
            windows(self.shown.images[k : k + 8], size) for k in range(0, len(self.shown.images), 8)
        ]
        vectors = [
            (self._look(part.reshape(-1, *part.shape[3:]))[0] * scale).numpy() for part in parts
        ]
        return np.concatenate(vectors).reshape(len(self.shown.images), *parts[0].shape[1:3], -1)

    @cache  # noqa: B019  (one judge a process)
    def _vector(self, phrase: str) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self.read(phrase, SENTENCE).numpy()
        return vector

    def point(self, templates: str = "clip") -> dict[str, tuple[int, float]]:
        """Pointing game: number of cases and share of hits, for pictures with one thing in sight
        and with several.
        """
        hits: dict[str, list[bool]] = {"single": [], "multi": [], "multi, unseen pair": []}
        vectors = {
            pair: self.read(words.article(words.name(*pair)), templates)
            for pair in words.SEEN + words.UNSEEN
        }
        size = self.shown.images.shape[1]
        for seen, patches in zip(self.shown.seen, self._patches):
            visible = [thing for thing in seen if thing.mask.any()]
            for thing in visible:
                if thing.share < _CLEAR:
                    continue
                pair = (thing.want.color, thing.want.shape)
                grid = (patches @ vectors[pair])[None, None]
                full = F.interpolate(grid, (size, size), mode="bilinear", align_corners=False)[0, 0]
                hit = bool(thing.mask.ravel()[int(full.argmax())])
                hits["multi" if len(visible) > 1 else "single"].append(hit)
                if len(visible) > 1 and pair in words.TEST_ONLY:
                    hits["multi, unseen pair"].append(hit)
        return {
            name: (len(h), float(np.mean(h)) if h else float("nan")) for name, h in hits.items()
        }


def _right(seen: Sequence[gallery.Seen], wants: Sequence[Want]) -> bool:
    return all(any(_meets(thing, want) for thing in seen) for want in wants)


def _meets(thing: gallery.Seen, want: Want) -> bool:
    asked = (
        (want.color, thing.want.color),
        (want.shape, thing.want.shape),
        (want.size, thing.want.size),
    )
    return thing.share >= RIGHT and all(word in ("", has) for word, has in asked)


def queries_about(pairs: Sequence[words.Pair]) -> list[Query]:
    """One query for each pair."""
    return [Query(words.article(words.name(*pair)), (Want(*pair),)) for pair in pairs]


def queries_about_two(shown: Gallery, count: int = 200, seed: int = 0) -> list[Query]:
    """Up to `count` different queries for two things that can be seen together somewhere."""
    together: set[tuple[Want, Want]] = set()
    for seen in shown.seen:
        wants = sorted(
            {Want(s.want.color, s.want.shape) for s in seen if s.share >= _CLEAR}, key=str
        )
        together.update(itertools.combinations(wants, 2))
    ordered = sorted(together, key=str)
    picked = np.random.default_rng(seed).permutation(len(ordered))[:count]
    pairs = [ordered[int(k)] for k in picked]
    return [
        Query(words.describe([words.name(w.color, w.shape) for w in two]), two) for two in pairs
    ]


def scores(judge: Judge) -> list[Score]:
    """All lines of the retrieval table."""
    colors = [Query(words.article(f"{c} thing"), (Want(color=c),)) for c in words.COLORS]
    shapes = [Query(words.article(s), (Want(shape=s),)) for s in words.SHAPES]
    sized = [
        Query(words.article(words.name(c, s, z)), (Want(c, s, z),))
        for c, s in words.SEEN
        for z in ("small", "large")
    ]
    return [
        judge.retrieve("pair, seen in training", queries_about(words.SEEN)),
        judge.retrieve("pair, never seen", queries_about(words.UNSEEN)),
        judge.retrieve("pair, seen; text alone", queries_about(words.SEEN), "none"),
        judge.retrieve("pair, never seen; text alone", queries_about(words.UNSEEN), "none"),
        judge.retrieve("pair, seen; a second look", queries_about(words.SEEN), again=AGAIN),
        judge.retrieve("pair, never seen; a second look", queries_about(words.UNSEEN), again=AGAIN),
        judge.retrieve("two things", queries_about_two(judge.shown)),
        judge.retrieve("two things; a second look", queries_about_two(judge.shown), again=AGAIN),
        judge.retrieve("pair with its size", sized),
        judge.retrieve("pair with its size; a second look", sized, again=AGAIN),
        judge.retrieve("colour", colors),
        judge.retrieve("shape", shapes),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the demo CLIP on test pictures.")
    parser.add_argument(
        "--weights", type=Path, default=None, help="another file than the shipped one"
    )
    parser.add_argument(
        "--corpus", type=Path, default=None, help="a demo corpus; without it scenes are drawn"
    )
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16", "int8"), default="fp32")
    parser.add_argument("--scenes", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--windows",
        action="store_true",
        help="look again at windows instead of patches, as other models do",
    )
    parser.add_argument("--split", choices=("val", "test"), default="test")
    args = parser.parse_args()
    size: int = clip.config()["vision_cfg"]["image_size"] * (2 if args.windows else 1)
    if args.corpus:
        shown = gallery.decoded(args.corpus, size, split=args.split)
    else:
        shown = gallery.drawn(args.seed, args.scenes, size, args.split)
    judge = Judge(shown, args.weights, args.precision, args.windows)
    lines = [
        f"{len(shown.images)} pictures",
        "",
        "| query | queries | right frames each | R@1 | R@5 |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {s.name} | {s.queries} | {s.relevant:.1f} | {s.recall_1:.3f} | {s.recall_5:.3f} |"
        for s in scores(judge)
    ]
    lines += ["", "| pointing game | cases | hits |", "|---|---|---|"]
    lines += [
        f"| {name} | {count} | {share:.3f} |" for name, (count, share) in judge.point().items()
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
