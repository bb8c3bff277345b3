"""Trains the demo CLIP from nothing on freshly drawn scenes, and writes the weights that ship with
the package.

    python -m training.train_clip                     # an hour or so on two idle cores; what was
                                                      shipped had less:
                                                        # weights/README.md has its two commands
    python -m training.train_clip --steps 60 --out /tmp/try.safetensors

One process draws, one learns; the same numbers give the same batches whatever the machine's speed.
Small pictures first, the model's own size later, since the detectors carry over and the steps are
cheaper. The weights kept are a running average.
"""

import argparse
import copy
import math
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import open_clip
import torch
import torch.nn.functional as F  # noqa: N812  (its usual name)
from numpy.typing import NDArray
from open_clip.model import CLIP
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from training.lessons import CLEAR, Batch, draw_batch, truth
from training.losses import NOTHING, PatchGuide, contrast, ground
from training.phrases import Phrase, Want, choose_template, vocabulary
from training.reading import SmallVocabulary, read
from trawl.demo import clip, words


@dataclass(frozen=True)
class Plan:
    """Everything that the result depends on, apart from library versions."""

    steps: int = 6000
    seed: int = 0
    batch: int = 64
    # share of the steps before any text: only "which colour, which shape", in easy pictures
    words_from: float = 0.3
    full_from: float = 0.88  # share of the steps at small_size
    small_size: int = 80
    rate: float = 2e-3  # of AdamW, for text, detectors and temperatures
    # of SGD, for the convolutions: they learn shapes 1.4 times as fast with it as with AdamW
    trunk_rate: float = 0.1
    decay: float = 0.05
    average: float = 0.99
    unknown_words: float = 0.1
    peak: float = 1.0  # of both rates; less than 1 when starting from trained weights

    def size_at(self, step: int) -> int:
        full: int = clip.config()["vision_cfg"]["image_size"]
        return self.small_size if step < self.steps * self.full_from else full

    def reads_at(self, step: int) -> bool:
        return step >= self.steps * self.words_from

    def share_at(self, step: int) -> float:
        """Of the learning rates: warm-up over 3 %, then a cosine to nothing."""
        warm = max(self.steps * 0.03, 1)
        return self.peak * min((step + 1) / warm, 0.5 + 0.5 * math.cos(math.pi * step / self.steps))


_BACKGROUND = 0.35  # share of background patches that texts are contrasted with


class Lessons(Dataset[tuple[Batch, int]]):
    """Batches by number, so that any worker may draw any of them."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def __len__(self) -> int:
        return self.plan.steps

    def __getitem__(self, step: int) -> tuple[Batch, int]:
        cv2.setNumThreads(1)
        plan = self.plan
        return draw_batch(
            plan.seed, step, plan.batch, plan.size_at(step), easy=not plan.reads_at(step)
        ), step


class Student(nn.Module):
    """The open_clip model with what only training needs: a guide for patches and a temperature for
    them.
    """

    def __init__(self, vocabulary: SmallVocabulary) -> None:
        super().__init__()
        model = open_clip.create_model(clip.MODEL_NAME, pretrained=None)
        assert isinstance(model, CLIP)
        vocabulary.shrink(model)
        self.model = model.to(memory_format=torch.channels_last)
        tower = self.model.visual.trunk
        self.guide = PatchGuide(tower.feature_width, len(words.COLORS), len(words.SHAPES))
        self.patch_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def name_patches(self, batch: Batch) -> dict[str, Tensor]:
        """The guide's term alone: colour and shape of every patch, no text."""
        features = self.model.visual.trunk.forward_features(normalised(batch.images))
        return {
            "guide": self.guide(
                features.permute(0, 2, 3, 1).flatten(0, 2), *patch_labels(batch, features.shape[-1])
            )
        }

    def forward(
        self, batch: Batch, rows: Sequence[Tensor], phrases: tuple[Phrase, ...]
    ) -> dict[str, Tensor]:
        """All terms for one batch; the phrases begin with the vocabulary and end with the captions,
        rows are their words.
        """
        tower = self.model.visual.trunk
        features = tower.forward_features(normalised(batch.images))
        units = tower.detect(features)
        pictures = F.normalize(tower.to_text(units.amax(dim=(2, 3))), dim=-1)
        texts = torch.cat([read(self.model, some) for some in rows])
        true, sure = (torch.from_numpy(t) for t in truth(phrases, batch))
        color, shape = patch_labels(batch, units.shape[-1])
        named = len(phrases) - len(batch.captions)
        keep = (color != NOTHING) & (
            (color < len(words.COLORS)) | (torch.rand(len(color)) < _BACKGROUND)
        )
        patches = F.normalize(tower.to_text(units.permute(0, 2, 3, 1).flatten(0, 2)[keep]), dim=-1)
        shows = patch_truth(phrases[:named], color[keep], shape[keep])
        scale, patch_scale = (
            self.model.logit_scale.exp().clamp(max=60),
            self.patch_scale.exp().clamp(max=60),
        )
        return {
            "contrast": contrast(pictures, texts, true, sure, scale),
            "ground": ground(patches, texts[:named], shows, torch.ones_like(shows), patch_scale),
            "guide": self.guide(features.permute(0, 2, 3, 1).flatten(0, 2), color, shape),
        }


def normalised(images: NDArray[np.uint8]) -> Tensor:
    """(N, S, S, 3) uint8 -> (N, 3, S, S) fp32, as the embedder does it."""
    mean, std = torch.tensor(clip.IMAGE_MEAN) * 255, torch.tensor(clip.IMAGE_STD) * 255
    return ((torch.from_numpy(images) - mean) / std).permute(0, 3, 1, 2)


def patch_labels(batch: Batch, grid: int) -> tuple[Tensor, Tensor]:
    """(N * grid * grid,) int64 each: the colour and shape of the thing that fills most of a patch.

    The last class is background; NOTHING where neither a thing nor the background fills enough of
    the patch, or where the thing is too hidden to be named.
    """
    n, size = batch.ids.shape[:2]
    cell = size // grid
    cells = (
        batch.ids.reshape(n, grid, cell, grid, cell)
        .swapaxes(2, 3)
        .reshape(n, grid * grid, cell * cell)
    )
    colors, shapes = list(words.COLORS), words.SHAPES
    color = np.full(cells.shape[:2], NOTHING, dtype=np.int64)
    color[(cells < 0).mean(axis=2) > 0.95] = len(colors)
    shape = np.where(color < 0, NOTHING, len(shapes))
    for k, shown in enumerate(batch.shown):
        for index, thing in enumerate(shown):
            if thing.share >= CLEAR:
                filled = (cells[k] == index).mean(axis=1) > 0.45
                color[k][filled] = colors.index(thing.want.color)
                shape[k][filled] = shapes.index(thing.want.shape)
    return torch.from_numpy(color.ravel()), torch.from_numpy(shape.ravel())


def patch_truth(phrases: tuple[Phrase, ...], color: Tensor, shape: Tensor) -> Tensor:
    """(Q, P) bool: whether a patch shows what a one-thing phrase names."""
    colors, shapes = list(words.COLORS), words.SHAPES

    def code(want: Want) -> tuple[int, int]:
        return (
            colors.index(want.color) if want.color else -2,
            shapes.index(want.shape) if want.shape else -2,
        )

    wanted = torch.tensor([code(phrase.wants[0]) for phrase in phrases])
    fits_color = (wanted[:, :1] == color) | ((wanted[:, :1] == -2) & (color < len(colors)))
    fits_shape = (wanted[:, 1:] == shape) | ((wanted[:, 1:] == -2) & (shape < len(shapes)))
    return fits_color & fits_shape


Keep = Callable[[Student, SmallVocabulary], None]


def train(
    plan: Plan, log_every: int = 100, keep: Keep | None = None, start: Path | None = None
) -> tuple[Student, SmallVocabulary, list[float]]:
    """Train and return the averaged student, its vocabulary, and the loss of every step.

    keep: called with the average so far whenever a line is logged. start: weights to go on from.
    """
    torch.manual_seed(plan.seed)
    clip.register()
    small = SmallVocabulary(clip.MODEL_NAME)
    student = Student(small)
    if start is not None:
        student.model.load_state_dict(small.trimmed(clip.load_state_dict(start)))
    average = copy.deepcopy(student)
    optimizers = _optimizers(student, plan)
    losses: list[float] = []
    # Spawned, since a fork of a process with threads, such as one that has used Ray, may wait for
    # ever.
    loader = DataLoader(
        Lessons(plan),
        batch_size=None,
        num_workers=1,
        prefetch_factor=4,
        multiprocessing_context="spawn",
    )
    began = time.monotonic()
    for batch, step in loader:
        for optimizer, rate in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * plan.share_at(step)
        reads = plan.reads_at(step)
        terms = (
            student(batch, *_texts(plan, step, batch, small))
            if reads
            else student.name_patches(batch)
        )
        loss = torch.stack(list(terms.values())).sum()
        student.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(student.parameters(), 2.0)
        for optimizer, _ in optimizers:
            optimizer.step()
        follow(average, student, min(plan.average, (step + 1) / (step + 10)))
        losses.append(float(loss.detach()))
        if (step + 1) % log_every == 0 or step + 1 == plan.steps:
            parts = " ".join(f"{name} {float(value.detach()):.3f}" for name, value in terms.items())
            mean, spent = np.mean(losses[-log_every:]), time.monotonic() - began
            said = f"step {step + 1} loss {mean:.3f} {parts}"
            sys.stdout.write(f"{said} wall {spent:.0f}s cpu {time.process_time():.0f}s\n")
            sys.stdout.flush()
            if keep is not None:
                keep(average, small)
    return average.eval(), small, losses


def _optimizers(student: Student, plan: Plan) -> list[tuple[torch.optim.Optimizer, float]]:
    """Each with its highest rate."""
    tower = student.model.visual.trunk
    trunk = [
        p
        for part in (tower.stem, tower.fine, tower.coarse, tower.mix, student.guide)
        for p in part.parameters()
    ]
    known = {id(p) for p in trunk}
    other = [p for p in student.parameters() if id(p) not in known]
    matrices, vectors = [p for p in other if p.ndim >= 2], [p for p in other if p.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": plan.decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    sgd = torch.optim.SGD(trunk, lr=plan.trunk_rate, momentum=0.9, nesterov=True, weight_decay=1e-4)
    return [
        (sgd, plan.trunk_rate),
        (torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.98)), plan.rate),
    ]


def _texts(
    plan: Plan, step: int, batch: Batch, small: SmallVocabulary
) -> tuple[list[Tensor], tuple[Phrase, ...]]:
    """A step's texts as rows of the small vocabulary, short ones and long ones apart, and all
    phrases in that order.
    """
    named = tuple(vocabulary(choose_template(np.random.default_rng([plan.seed, 11, step]))))
    chance = random.Random(plan.seed * 1_000_003 + step)
    rows = [
        small.rows([p.text for p in some], plan.unknown_words, chance)
        for some in (named, batch.captions)
    ]
    return rows, (*named, *batch.captions)


@torch.no_grad()
def follow(average: nn.Module, student: nn.Module, keep: float) -> None:
    """Move the average a little toward the student; counters and running statistics alike."""
    for a, b in zip(average.state_dict().values(), student.state_dict().values()):
        if a.is_floating_point():
            a.lerp_(b, 1 - keep)
        else:
            a.copy_(b)


def write(student: Student, small: SmallVocabulary, path: Path) -> None:
    """Write the student's model in the form that ships."""
    size: int = clip.config()["text_cfg"]["vocab_size"]
    state, other = small.grow(student.model.state_dict(), size)
    clip.save(state, small.ids, other, path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the demo CLIP from nothing.")
    parser.add_argument("--steps", type=int, default=Plan.steps)
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument(
        "--threads", type=int, default=1, help="of the learner; drawing takes one more process"
    )
    shipped = Path(clip.__file__).parent / "weights" / f"{clip.MODEL_NAME}.safetensors"
    parser.add_argument("--out", type=Path, default=shipped)
    parser.add_argument(
        "--start",
        type=Path,
        default=None,
        help="go on from these weights, at less than the first rates",
    )
    parser.add_argument(
        "--peak", type=float, default=0.35, help="the share of the first rates to go on with"
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    plan = Plan(steps=args.steps, seed=args.seed)
    if args.start is not None:
        plan = replace(plan, words_from=0.0, full_from=0.6, peak=args.peak)
    train(plan, keep=lambda student, small: write(student, small, args.out), start=args.start)


if __name__ == "__main__":
    main()
