"""Trains the demo SAM 2 from nothing on freshly drawn clips, and writes the weights that ship with
the package.

    python -m training.train_sam2                     # an hour and a half on two idle cores
    python -m training.train_sam2 --image-steps 30 --clip-steps 30 --both-steps 0 --out
    /tmp/try.safetensors

First single pictures: outline what a box or clicks point at. Then clips: the first frame is
prompted, the others are found through the memory of the model's own outlines. Then both. One
process draws, one learns; the same numbers give the same lessons whatever the machine's speed. The
weights kept are a running average.
"""

import argparse
import copy
import math
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from training.clips import Lesson, draw_lesson
from training.mask_losses import mask_terms, presence_term
from training.sam2_start import prime
from trawl.demo import sam2
from trawl.models.sam2.build import build


@dataclass(frozen=True)
class Stage:
    """One part of the training: `steps` steps, each on `clips` clips of `frames` frames and
    `pictures` single pictures.
    """

    steps: int
    clips: int
    frames: int
    pictures: int
    rate: float  # of AdamW, at its highest
    steepest: float  # norm that gradients are cut to
    average: float  # share of the running average that a step keeps
    sparse_until: int = 0  # clips of steps before this one have their frames far apart
    over: int = 0  # steps that the cosine would take to its end; 0: as many as there are
    first: int = 0  # number of the first lesson, so that no two stages share any

    def rate_at(self, step: int) -> float:
        """Warm-up over 3 %, then a cosine to almost nothing."""
        steps = self.over or self.steps
        return self.rate * min(
            (step + 1) / max(steps * 0.03, 1), 0.51 + 0.49 * math.cos(math.pi * step / steps)
        )


@dataclass(frozen=True)
class Plan:
    """Everything that the result depends on, apart from library versions.

    The second stage alone lets outlines get worse while following gets better; so the third has
    both kinds of lesson.
    """

    seed: int = 0
    pictures: Stage = Stage(
        2400, clips=0, frames=0, pictures=10, rate=1.2e-3, steepest=1.0, average=0.995
    )
    clips: Stage = Stage(
        1400,
        clips=4,
        frames=6,
        pictures=0,
        rate=4e-4,
        steepest=0.4,
        average=0.998,
        sparse_until=800,
        over=3200,
    )
    both: Stage = Stage(
        1200, clips=4, frames=6, pictures=10, rate=4e-4, steepest=0.4, average=0.998, first=10_000
    )
    decay: float = 0.02

    def stages(self) -> tuple[Stage, ...]:
        return self.pictures, self.clips, self.both


class Lessons(Dataset[tuple[int, Lesson | None, Lesson | None]]):
    """A stage's lessons from step `done` on, clips and pictures, so that a worker may draw them
    ahead.
    """

    def __init__(self, stage: Stage, seed: int, size: int, done: int) -> None:
        self.stage, self.seed, self.size, self.done = stage, seed, size, done

    def __len__(self) -> int:
        return self.stage.steps - self.done

    def __getitem__(self, index: int) -> tuple[int, Lesson | None, Lesson | None]:
        cv2.setNumThreads(1)
        stage, step = self.stage, self.done + index
        number, sparse = stage.first + step, step < stage.sparse_until
        clips = (
            draw_lesson(self.seed, number, stage.clips, stage.frames, self.size, sparse)
            if stage.clips
            else None
        )
        pictures = (
            draw_lesson(self.seed, number, stage.pictures, 1, self.size) if stage.pictures else None
        )
        return step, clips, pictures


@dataclass(frozen=True)
class Seen:
    """The image encoder's output for a lesson: levels of (h * w, N * T, C), their positions, their
    sizes.
    """

    levels: list[Tensor]
    positions: list[Tensor]
    sizes: list[tuple[int, int]]

    def of(self, frames: Tensor) -> "Seen":
        """The same of some frames, (M,) int64 numbers of frames, one for each object."""
        return Seen(
            [x[:, frames] for x in self.levels], [x[:, frames] for x in self.positions], self.sizes
        )

    def maps(self) -> list[Tensor]:
        """Levels as (M, C, h, w)."""
        return [
            x.permute(1, 2, 0).reshape(x.shape[1], x.shape[2], *size)
            for x, size in zip(self.levels, self.sizes)
        ]


def normalised(images: NDArray[np.uint8]) -> Tensor:
    """(N, T, S, S, 3) uint8 RGB -> (N * T, 3, S, S) fp32, as the tracker does it."""
    mean, std = torch.tensor(sam2.IMAGE_MEAN) * 255, torch.tensor(sam2.IMAGE_STD) * 255
    return ((torch.from_numpy(images).flatten(0, 1) - mean) / std).permute(0, 3, 1, 2).contiguous()


def look(model: SAM2Base, images: NDArray[np.uint8]) -> Seen:
    """images (N, T, S, S, 3) uint8 RGB."""
    _, levels, positions, sizes = model._prepare_backbone_features(
        model.forward_image(normalised(images))
    )
    return Seen(levels, positions, sizes)


def points_of(lesson: Lesson, kind: str) -> tuple[Tensor, Tensor]:
    """Coordinates (M, P, 2) and labels (M, P) as SAM takes them. kind: "box", "click" or "clicks"."""
    if kind == "box":
        labels = torch.tensor([[2, 3]], dtype=torch.int32).expand(len(lesson.clip), 2)
        return torch.from_numpy(lesson.boxes).reshape(-1, 2, 2), labels
    count = 1 if kind == "click" else lesson.clicks.shape[1]
    return torch.from_numpy(lesson.clicks[:, :count]), torch.from_numpy(
        lesson.click_labels[:, :count]
    )


def outline(
    model: SAM2Base, seen: Seen, points: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """All four candidates, their scores and the presence of prompted objects in single pictures,
    with gradients.
    """
    *fine, coarse = seen.maps()
    sparse, dense = model.sam_prompt_encoder(points=points, boxes=None, masks=None)
    masks, scores, _, presence = model.sam_mask_decoder.predict_masks(
        image_embeddings=coarse + model.no_mem_embed.reshape(1, -1, 1, 1),
        image_pe=model.sam_prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        repeat_image=False,
        high_res_features=fine,
    )
    return masks, scores, presence


class Tally:
    """Terms of a loss, and means of what else is worth saying."""

    def __init__(self) -> None:
        self.loss = torch.zeros(())
        self.said: dict[str, float] = {}

    def add(self, other: "Tally", weight: float) -> None:
        self.loss = self.loss + weight * other.loss
        self.said |= other.said

    def masks(
        self, name: str, logits: Tensor, scores: Tensor, mask: Tensor, others: Tensor, weight: float
    ) -> None:
        """Judge candidates; what is said is the IoU of the one that the model itself would choose."""
        loss, iou = mask_terms(logits, scores, mask, others)
        self.loss = self.loss + weight * loss.mean()
        present = mask.flatten(1).any(dim=1)
        if bool(present.any()):
            best = scores.detach().argmax(dim=1, keepdim=True)
            self.said[name] = float(iou.gather(1, best)[present, 0].mean())

    def presence(
        self, name: str, logits: Tensor, mask: Tensor, weight: float, rare: float = 1.0
    ) -> None:
        self.loss = self.loss + weight * presence_term(logits, mask, rare).mean()
        absent = ~mask.flatten(1).any(dim=1)
        if bool(absent.any()):
            self.said[name] = float((logits[absent] <= 0).float().mean())


def learn_pictures(model: SAM2Base, lesson: Lesson, step: int) -> Tally:
    """Outline every object of a lesson of single pictures from its box and from clicks."""
    tally = Tally()
    masks, others = torch.from_numpy(lesson.masks()[:, 0]), torch.from_numpy(lesson.others()[:, 0])
    seen = look(model, lesson.images).of(torch.from_numpy(lesson.clip))
    for kind in ("box", "clicks" if step % 4 == 3 else "click"):
        logits, scores, presence = outline(model, seen, points_of(lesson, kind))
        tally.masks(kind, logits, scores, masks, others, 1.0)
        tally.presence("absent", presence, masks, 0.2)
    return tally


def learn_clips(model: SAM2Base, lesson: Lesson, step: int, seed: int) -> Tally:
    """Prompt every object on its clip's first frame and follow it through the others.

    Where the first frame was long ago the second's memory is made from the truth, as if following
    had gone well.
    """
    rng = np.random.default_rng([seed, 23, step])
    tally = Tally()
    masks, others = torch.from_numpy(lesson.masks()), torch.from_numpy(lesson.others())
    frames = masks.shape[1]
    seen = look(model, lesson.images)
    first = torch.from_numpy(lesson.clip) * frames
    kind = str(rng.choice(["box", "mask", "click"], p=[0.4, 0.3, 0.3]))
    beside = "box" if kind != "box" else ("clicks" if step % 4 == 3 else "click")
    logits, scores, presence = outline(model, seen.of(first), points_of(lesson, beside))
    tally.masks(beside, logits, scores, masks[:, 0], others[:, 0], 1.0)
    tally.presence("absent0", presence, masks[:, 0], 0.2)
    outputs: dict[str, dict[int, dict[str, Any]]] = {
        "cond_frame_outputs": {},
        "non_cond_frame_outputs": {},
    }
    pause = int(rng.integers(0, 12)) if rng.random() < 0.4 else 0
    if lesson.long_ago:
        pause += model.num_maskmem
    for t in range(frames):
        number = t + (pause if t else 0)
        prompt: dict[str, Any] = {"point_inputs": None, "mask_inputs": None}
        if (t == 0 and kind == "mask") or (t == 1 and lesson.long_ago):
            prompt["mask_inputs"] = masks[:, t, None].float()
        elif t == 0:
            coords, labels = points_of(lesson, kind)
            prompt["point_inputs"] = {"point_coords": coords, "point_labels": labels}
        now = seen.of(first + t)
        out, found, _, _ = model._track_step(
            number, t == 0, now.levels, now.positions, now.sizes, **prompt, output_dict=outputs, num_frames=1_000_000,
            track_in_reverse=False, prev_sam_mask_logits=None,
        )  # fmt: skip
        candidates, _, scores, _, chosen, pointer, presence = found
        if prompt["mask_inputs"] is None:
            name = kind if t == 0 else "followed"
            tally.masks(
                name if t in (0, frames - 1) else f"t{t}",
                candidates,
                scores,
                masks[:, t],
                others[:, t],
                1.0,
            )
            tally.presence("absent", presence, masks[:, t], 1.0, 1.0 if lesson.sparse else 4.0)
        out["obj_ptr"] = pointer
        model._encode_memory_in_output(
            now.levels, now.sizes, prompt["point_inputs"], True, chosen, presence, out
        )
        outputs["cond_frame_outputs" if t == 0 else "non_cond_frame_outputs"][number] = out
    tally.loss = tally.loss / frames
    return tally


_PICTURES = 0.5  # weight of pictures beside clips


def learn(
    model: SAM2Base, clips: Lesson | None, pictures: Lesson | None, number: int, seed: int
) -> Tally:
    """One step's lessons."""
    if clips is None:
        assert pictures is not None
        return learn_pictures(model, pictures, number)
    tally = learn_clips(model, clips, number, seed)
    if pictures is not None:
        tally.add(learn_pictures(model, pictures, number), _PICTURES)
    return tally


Keep = Callable[[SAM2Base], None]


def train(
    plan: Plan,
    keep: Keep | None = None,
    state: Path | None = None,
    say_every: int = 50,
    ahead: bool = True,
) -> tuple[SAM2Base, list[float]]:
    """Train and return the averaged model and the loss of every step taken.

    keep: called with the average so far every 200 steps and at a stage's end. state: a file to go
    on from, when it exists, and to write for that whenever `keep` is called. ahead: draw lessons in
    another process.
    """
    torch.manual_seed(plan.seed)
    model = build(sam2.config_path()).train()
    prime(model)
    average = copy.deepcopy(model).eval()
    losses: list[float] = []
    resumed: dict[str, Any] = torch.load(state) if state is not None and state.exists() else {}
    for number, stage in enumerate(plan.stages()):
        first = 0
        optimizer = _optimizer(model, stage, plan.decay)
        if resumed:
            if resumed["stage"] > number:
                continue
            model.load_state_dict(resumed["model"])
            average.load_state_dict(resumed["average"])
            optimizer.load_state_dict(resumed["optimizer"])
            first, resumed = resumed["step"], {}
        said: dict[str, list[float]] = defaultdict(list)
        began = time.monotonic()
        for step, clips, pictures in _lessons(
            Lessons(stage, plan.seed, model.image_size, first), ahead
        ):
            for group in optimizer.param_groups:
                group["lr"] = stage.rate_at(step)
            tally = learn(model, clips, pictures, stage.first + step, plan.seed)
            optimizer.zero_grad(set_to_none=True)
            tally.loss.backward()  # type: ignore[no-untyped-call]
            norm = nn.utils.clip_grad_norm_(model.parameters(), stage.steepest)
            optimizer.step()
            follow(average, model, min(stage.average, (step + 1) / (step + 10)))
            losses.append(float(tally.loss.detach()))
            for name, value in {"loss": losses[-1], "norm": float(norm), **tally.said}.items():
                said[name].append(value)
            done = step + 1
            if done % say_every == 0 or done == stage.steps:
                means = " ".join(
                    f"{name} {np.mean(values):.3f}" for name, values in sorted(said.items())
                )
                spent = f"wall {time.monotonic() - began:.0f}s cpu {time.process_time():.0f}s"
                sys.stdout.write(f"stage {number + 1} step {done} {means} {spent}\n")
                sys.stdout.flush()
                said.clear()
            if done % 200 == 0 or done == stage.steps:
                if keep is not None:
                    keep(average)
                if state is not None:
                    _write_state(state, number, done, model, average, optimizer)
    return average.eval(), losses


def _lessons(lessons: Lessons, ahead: bool) -> Iterator[tuple[int, Lesson | None, Lesson | None]]:
    if len(lessons) == 0:
        return
    if not ahead:
        yield from (lessons[k] for k in range(len(lessons)))
        return
    # Spawned, since a fork of a process with threads, such as one that has used Ray, may wait for
    # ever.
    yield from DataLoader(
        lessons, batch_size=None, num_workers=1, prefetch_factor=4, multiprocessing_context="spawn"
    )


def _optimizer(model: nn.Module, stage: Stage, decay: float) -> torch.optim.Optimizer:
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=stage.rate, betas=(0.9, 0.99), fused=True)


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, keep: float) -> None:
    """Move the average a little toward the model."""
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - keep)


def _write_state(
    path: Path, stage: int, step: int, model: nn.Module, average: nn.Module, optimizer: Any
) -> None:
    fresh = path.with_suffix(".partial")
    torch.save(
        {"stage": stage, "step": step, "model": model.state_dict(), "average": average.state_dict(),
         "optimizer": optimizer.state_dict()},
        fresh,
    )  # fmt: skip
    fresh.replace(path)


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the demo SAM 2 from nothing.")
    plan = Plan()
    parser.add_argument("--image-steps", type=int, default=plan.pictures.steps)
    parser.add_argument("--clip-steps", type=int, default=plan.clips.steps)
    parser.add_argument("--both-steps", type=int, default=plan.both.steps)
    parser.add_argument("--seed", type=int, default=plan.seed)
    parser.add_argument(
        "--threads", type=int, default=1, help="of the learner; drawing takes one more process"
    )
    shipped = Path(sam2.__file__).parent / "weights" / f"{sam2.MODEL_NAME}.safetensors"
    parser.add_argument("--out", type=Path, default=shipped)
    parser.add_argument(
        "--state", type=Path, default=None, help="a file to go on from after an interruption"
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    plan = replace(
        plan,
        seed=args.seed,
        pictures=replace(plan.pictures, steps=args.image_steps),
        clips=replace(plan.clips, steps=args.clip_steps),
        both=replace(plan.both, steps=args.both_steps),
    )
    train(plan, keep=lambda model: sam2.save(model.state_dict(), args.out), state=args.state)


if __name__ == "__main__":
    main()
