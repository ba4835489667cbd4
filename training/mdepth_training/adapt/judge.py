# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Did it get better? By images that were not learned from; no truth decides."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.model.file import ModelCard, read_card
from mdepth_ros.synthetic import WorldConfig
from mdepth_training.evaluation.extracted import open_folders
from mdepth_training.evaluation.motion import motion_numbers
from mdepth_training.evaluation.predict import Predictor
from mdepth_training.evaluation.protocols import PROTOCOLS
from mdepth_training.evaluation.score import score
from mdepth_training.evaluation.shots import Shots
from mdepth_training.evaluation.synthetic import held_out
from mdepth_training.evaluation.unlabelled import PairScore, means, score_pairs

DECIDES = {'photometric': 'photometric error', 'disagreement': 'disagreement in time'}
TRUTH = {
    'abs_rel': 'AbsRel of the depth',
    'rotation_deg': 'turn, deg a pair',
    'rpe_translation_percent': 'way, %',
    'ate_5_frames': '5-frame ATE, m',
}
SEEDS, FRAMES = range(10_000, 10_004), 16
"""Of the held-out synthetic drives that show what was forgotten."""
FORGOTTEN = 1.05
"""Times the error of the depth in the synthetic world from which the page warns."""
MOST = 600
"""Held-out images that are looked at: the last ones of each drive."""


@dataclass(frozen=True)
class Change:
    """A number before and after, lower is better, and in how many of the pairs it fell."""

    name: str
    before: float
    after: float
    fell: int = 0
    pairs: int = 0

    @property
    def better(self) -> bool:
        """The mean fell, and so did most of the single ones: no few images decide."""
        return self.after < self.before and 2 * self.fell > self.pairs


@dataclass(frozen=True)
class Verdict:
    """The numbers of the held-out images.

    changes  of DECIDES
    still    the photometric error of the frame before as it is
    truth    of TRUTH, what is known; decides nothing
    world    of TRUTH in the randomised synthetic world; decides nothing
    """

    changes: Sequence[Change]
    still: float
    truth: Sequence[Change] = ()
    world: Sequence[Change] = ()

    @property
    def forgot(self) -> bool:
        """Whether depth in the synthetic world became clearly worse."""
        return any(
            change.name == TRUTH['abs_rel'] and change.after > FORGOTTEN * change.before
            for change in self.world
        )

    @property
    def better(self) -> bool:
        """All that decides got better."""
        return all(change.better for change in self.changes)


def held_out_shots(folders: Sequence[Path], interval: float) -> Shots:
    """The held-out images of all drives, the last ones where there are many."""
    return open_folders('held out', folders, interval, max(MOST // len(folders), 5))


def judge(before: Path, after: Path, folders: Sequence[Path]) -> Verdict:
    """Compare two models on held-out drives."""
    found: list[list[PairScore]] = []
    truths: list[dict[str, float]] = []
    worlds: list[dict[str, float]] = []
    world = _world(read_card(before))
    for path in (before, after):
        predictor = Predictor(path)
        shots = held_out_shots(folders, predictor.card.frame_interval)
        found.append(score_pairs(predictor, shots))
        truths.append(_truth(predictor, shots))
        worlds.append(_truth(predictor, world))
    still = means(found[0])['still']
    return Verdict(changes(*found), still, _of_truth(*truths), _of_truth(*worlds))


def _of_truth(before: Mapping[str, float], after: Mapping[str, float]) -> list[Change]:
    return [
        Change(title, before[key], after[key])
        for key, title in TRUTH.items()
        if key in before and key in after
    ]


def _world(card: ModelCard) -> Shots:
    """Held-out drives of the randomised synthetic world, rendered once for both models."""
    camera = Camera.from_normalised(*card.input_size[::-1], *card.camera)
    world = WorldConfig(appearance=1.0, frame_interval=card.frame_interval)
    shots = held_out(camera, world, SEEDS, FRAMES)
    rendered = list(shots)
    return replace(shots, name='synthetic world', read=lambda _: iter(rendered))


def changes(before: Sequence[PairScore], after: Sequence[PairScore]) -> list[Change]:
    """The numbers that decide, over the pairs that both know."""
    result = []
    for key, title in DECIDES.items():
        old, new = ({(s.drive, s.stamp): getattr(s, key) for s in one} for one in (before, after))
        both = [
            (old[at], new[at])
            for at in old
            if at in new and math.isfinite(old[at]) and math.isfinite(new[at])
        ]
        mean = np.mean(both, 0) if both else np.full(2, math.nan)
        fell = sum(n < o for o, n in both)
        result.append(Change(title, float(mean[0]), float(mean[1]), fell, len(both)))
    return result


def _truth(predictor: Predictor, shots: Shots) -> dict[str, float]:
    """What lidar and poses say, where the recordings have them."""
    if not any(shot.truth is not None or shot.pose is not None for shot in shots):
        return {}
    try:
        result = score(predictor, shots, PROTOCOLS['recording'])
    except MdepthError:
        return {}  # a truth without a point in the view
    numbers = motion_numbers(result.chains)
    if own := result.means().get(predictor.card.name):
        numbers['abs_rel'] = own[''].abs_rel
    return {key: value for key, value in numbers.items() if math.isfinite(value)}
