# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fits the numbers of `core.confidence` to drives with truth; prints them with their check.

    python -m mdepth_training.evaluation.fit_confidence models/synthetic-nano.safetensors

The expected error e of a pixel is fitted to the relative error r there (depth scaled by the ratio
of medians of its image) by the likelihood of the exponential distribution, sum of ln e + r / e:
its minimum makes e the mean of r. Half of the drives fit what the other half is scored with.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from mdepth_ros.core.confidence import SMALLEST, WITHIN, terms
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.depth import scaled_relative_errors
from mdepth_ros.evaluation.sparsification import mean_sparsification, sparsification
from mdepth_ros.geometry import Camera
from mdepth_ros.synthetic import WorldConfig
from mdepth_ros.terminal import Console
from mdepth_training.evaluation.predict import Predictor
from mdepth_training.evaluation.synthetic import held_out

SEEDS, FRAMES = range(30000, 30016), 12


@dataclass(frozen=True, eq=False)
class Pixels:
    """Of the scored pixels [N] of one image: logarithms of the terms, share, relative error."""

    rough: Tensor
    change: Tensor
    share: Tensor
    error: Tensor

    def log_error(self, paired: Tensor, alone: Tensor) -> Tensor:
        """Logarithm of the expected error, as `expected_error` has it."""
        one = alone[0] + alone[1] * self.rough
        two = paired[0] + paired[1] * self.rough + paired[2] * self.change
        return one + self.share * (two - one)


def read(model: Path, seeds: Sequence[int], frames: int, appearance: float) -> Iterator[Pixels]:
    """Every frame of the drives that has one before."""
    predictor = Predictor(model, precision='fp32')
    card = predictor.card
    height, width = card.input_size
    camera = Camera.from_normalised(width, height, *card.camera)
    world = WorldConfig(appearance=appearance, frame_interval=card.frame_interval)
    K, earlier = camera.scaled(width // 2, height // 2).matrix(), torch.empty(0)
    for shot in held_out(camera, world, seeds, frames):
        prediction, pair = predictor(shot, ())
        depth = torch.from_numpy(prediction.depth)[None, None]
        half = interpolate(depth, scale_factor=0.5, mode='bilinear', align_corners=False)[0]
        if not pair.reason and shot.truth is not None:
            found = terms(half, earlier, torch.from_numpy(prediction.motion), K)
            errors, scored = scaled_relative_errors(prediction.depth, shot.truth)
            rough, change = found.roughness + SMALLEST[0], found.change + SMALLEST[1]
            rough, change, share = (
                interpolate(x, size=(height, width), mode='bilinear')[0, 0].double()[scored]
                for x in (rough.log(), change.log(), found.share)
            )
            yield Pixels(rough, change, share, torch.from_numpy(errors))
        earlier = half


def fit(images: Sequence[Pixels]) -> tuple[Tensor, Tensor]:
    """(a, b, c) and (a', b') of the images, every eighth pixel of them."""
    parts = zip(*((i.rough, i.change, i.share, i.error) for i in images), strict=True)
    all_ = Pixels(*(torch.cat([values[::8] for values in part]) for part in parts))
    alone = _minimum(
        torch.tensor([-0.5, 0.5]), lambda p: _loss(p[0] + p[1] * all_.rough, all_.error)
    )
    paired = _minimum(
        torch.tensor([-0.5, 0.5, 0.1]), lambda p: _loss(all_.log_error(p, alone), all_.error)
    )
    return paired, alone


def _loss(log_expected: Tensor, error: Tensor) -> Tensor:
    return (log_expected + error * torch.exp(-log_expected)).mean()


def _minimum(start: Tensor, loss: Callable[[Tensor], Tensor]) -> Tensor:
    point = start.double().requires_grad_()
    optimiser = torch.optim.LBFGS([point], max_iter=100, line_search_fn='strong_wolfe')

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss(point)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimiser.step(closure)  # type: ignore[no-untyped-call]
    return point.detach()


def main(arguments: Sequence[str]) -> None:
    """Print the numbers, their score on the drives that they were not fitted to, and a check."""
    if not 1 <= len(arguments) <= 2:
        sys.exit('usage: python -m mdepth_training.evaluation.fit_confidence MODEL [APPEARANCE]')
    appearance = float(arguments[1]) if len(arguments) > 1 else 0.0
    images = list(read(Path(arguments[0]), SEEDS, FRAMES, appearance))
    console = Console(highlight=False, soft_wrap=True)
    middle = len(images) // 2
    halves = (images[:middle], images[middle:])
    rankings, sure, right = [], [], []
    for fitted, scored in (halves, halves[::-1]):
        numbers = fit(fitted)
        for image in scored:
            expected = image.log_error(*numbers).exp()
            rankings.append(sparsification(image.error.numpy(), -expected.numpy()))
            sure.append(1 - torch.exp(-WITHIN / expected))
            right.append(image.error < WITHIN)
    mean = mean_sparsification(rankings)
    if mean is None:
        raise MdepthError('no image has errors to rank')
    paired, alone = fit(images)
    for name, values in (('PAIRED', paired), ('ALONE', alone)):
        console.print(f'{name} = ({", ".join(f"{value:.2f}" for value in values)})')
    console.print(
        f'drives not fitted: AUSE {mean.ause:.3f} of random, area {mean.ratio:.3f} of random'
    )
    confidence, within = torch.cat(sure).numpy(), torch.cat(right).numpy()
    for part in np.array_split(np.argsort(confidence), 6):
        console.print(
            f'confidence {confidence[part].mean():.2f}: {within[part].mean():.2f} of the pixels '
            f'are off by less than {WITHIN:.0%}'
        )


if __name__ == '__main__':
    try:
        main(sys.argv[1:])
    except MdepthError as problem:
        sys.exit(str(problem))
