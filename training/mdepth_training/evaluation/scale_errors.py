# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How right the metres are: the scale of every source on drives of the synthetic world.

Networks are not consistent in themselves: depth and motion of one drive have scales of their own.
The error of a scale is therefore told twice:

of depth    |ln(scale / right)|, where `right` makes the medians of the depth maps of the drive
            right: geometric mean over its frames of median(truth) / median(network), up to 80 m
of motion   |ln(length of the path / true length)|

both over what follows the first three seconds, the first as a mean over frames, and both as means
over drives. A second table has what is left with networks that make no error, whose unit is not
the card's: what the sources themselves can do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

from mdepth_ros.core.estimator import Estimator
from mdepth_ros.core.perception import make_perception
from mdepth_ros.core.scale import scale_source
from mdepth_ros.core.types import Frame, FramePair, Prediction, Scale
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.trajectory import relative
from mdepth_ros.geometry import Camera
from mdepth_ros.limits import MAX_RANGE, NANO, SCORED
from mdepth_ros.model.card import ModelCard
from mdepth_ros.model.file import load_model
from mdepth_ros.synthetic import WorldConfig, make_drive
from mdepth_ros.terminal import Console, print_table
from mdepth_training.evaluation.report import write_csv

SOURCES = ('model', 'height', 'speed', 'height+speed')
CONVERGED = 3.0
"""Seconds of a drive after which its scale counts."""
OTHER_UNIT = 1.15
"""Unit of networks without error, over that of the card."""
SPEED_NOISE = 0.1
SPEED_DELAY = 0.1
"""Of the speed that is told: relative standard deviation, and seconds."""
Array = NDArray[np.float64]


class Step(NamedTuple):
    """One frame: what the networks predict, and the truth.

    truth  float32 [h, w];  ratio  median(truth) / median(network);  move [3] true motion, metres
    """

    prediction: Prediction
    pair: FramePair
    truth: NDArray[np.float32]
    ratio: float
    move: Array


@dataclass(frozen=True, eq=False)
class PredictedDrive:
    """One drive of N frames; the first has no partner, its move is zero."""

    seed: int
    height: float
    steps: Sequence[Step]

    @property
    def stamps(self) -> Array:
        """Seconds, of each frame."""
        return np.array([step.pair.current.stamp / NANO for step in self.steps])

    @property
    def lengths(self) -> Array:
        """Metres of each motion."""
        return np.asarray(np.linalg.norm([step.move for step in self.steps], axis=1))

    @property
    def right(self) -> float:
        """Metres per unit of the depth."""
        return float(np.exp(np.log([step.ratio for step in self.steps]).mean()))


class ScaleErrors(NamedTuple):
    """Of one source on one drive.

    depth, motion  as above;  unscaled  AbsRel with this scale, less the one with the ratio of each
                   frame's medians;  good  seconds to the first good scale, NaN: none
    """

    depth: float
    motion: float
    unscaled: float
    good: float


def told_speeds(stamps: Array, lengths: Array, seed: int) -> list[tuple[int, float]]:
    """(ns, m/s) at stamps [N] s of a drive with motions of lengths [N] m: late and noisy."""
    steps = np.diff(stamps)
    speeds = np.interp(stamps - SPEED_DELAY, stamps[1:] - steps / 2, lengths[1:] / steps)
    noise = 1 + SPEED_NOISE * np.random.default_rng(seed).standard_normal(len(stamps))
    told = speeds * noise
    return [(round(t * NANO), float(v)) for t, v in zip(stamps, told, strict=True)]


def scales_of(drive: PredictedDrive, source: str, card: ModelCard) -> list[Scale]:
    """Run a source over a drive."""
    scales = scale_source(source, card, drive.height)
    told = told_speeds(drive.stamps, drive.lengths, drive.seed)
    found = []
    for step, speed in zip(drive.steps, told, strict=True):
        speeds = (speed,) if 'speed' in source else ()
        here = replace(step.pair, current=replace(step.pair.current, speeds=speeds))
        found.append(scales.update(step.prediction, here))
    return found


def errors_of(drive: PredictedDrive, scales: Sequence[Scale]) -> ScaleErrors:
    """Compare the scales of a drive with its truth."""
    seconds = drive.stamps - drive.stamps[0]
    after = seconds >= CONVERGED
    values = np.array([scale.value for scale in scales])
    units = np.array([np.linalg.norm(step.prediction.motion[:3, 3]) for step in drive.steps])
    path = float((values * units)[after].sum() / drive.lengths[after].sum())
    good = seconds[[scale.state == 'good' for scale in scales]]
    differences = [
        _abs_rel(step, value) - _abs_rel(step, step.ratio)
        for step, value in zip(drive.steps, values, strict=True)
    ]
    return ScaleErrors(
        float(np.abs(np.log(values / drive.right))[after].mean()),
        abs(float(np.log(path))),
        float(np.array(differences)[after].mean()),
        float(good[0]) if len(good) else math.nan,
    )


def _abs_rel(step: Step, scale: float) -> float:
    known = step.truth < MAX_RANGE
    depth = (step.prediction.depth * np.float64(scale))[known]
    return float(np.mean(np.abs(np.clip(depth, *SCORED) / step.truth[known] - 1)))


def exact(drive: PredictedDrive, unit: float) -> PredictedDrive:
    """The drive as networks without error would predict it, in units of `unit` metres."""
    steps = []
    for step in drive.steps:
        motion = np.eye(4)
        motion[:3, 3] = step.move / unit
        depth = step.truth / np.float32(unit)
        said = replace(step.prediction, depth=depth, motion=motion)
        steps.append(step._replace(prediction=said, ratio=unit))
    return replace(drive, steps=steps)


def predicted_drives(
    estimator: Estimator, world: WorldConfig, seeds: Sequence[int], frames: int
) -> Iterator[PredictedDrive]:
    """Drive through the world with an estimator."""
    card = estimator.card
    camera = Camera.from_normalised(*card.input_size[::-1], *card.camera)
    for seed in seeds:
        drive, perception = make_drive(seed, frames, camera, world), make_perception(estimator)
        poses, steps = np.asarray(drive.poses), []
        moves = [np.zeros(3), *relative(poses[:-1], poses[1:])[:, :3, 3]]
        for index, stamp in enumerate(drive.stamps):
            view = drive.render([index])
            pair = perception.trackers[''].pair(Frame(stamp, view.image[0].numpy(), camera))
            prediction, truth = perception.step([pair], ())[0].prediction, view.depth[0].numpy()
            known = truth < MAX_RANGE
            ratio = float(np.median(truth[known]) / np.median(prediction.depth[known]))
            steps.append(Step(prediction, pair, truth, ratio, moves[index]))
        yield PredictedDrive(seed, drive.camera_height, steps)


def evaluate_scales(
    model: Path,
    drives: int,
    frames: int,
    appearance: float,
    first_seed: int,
    *,
    slope: float = 0.05,
    output: Path | None = None,
    precision: str = 'auto',
    refined: bool = True,
    cues: bool = True,
) -> dict[str, ScaleErrors]:
    """Score every source of scale on drives with hills and traffic; print the table.

    output         folder for scales.csv, with the numbers of every drive
    refined, cues  as in Estimator
    """
    network, card = load_model(model)
    needed = math.ceil(CONVERGED / card.frame_interval) + 2
    if frames < needed:
        raise MdepthError(
            f'errors count after {CONVERGED:g} s, which {frames} frames of {card.frame_interval:g}'
            f' s do not reach: --frames {needed} or more'
        )
    estimator = Estimator(network, card, precision=precision, refined=refined, cues=cues)
    world = WorldConfig(appearance=appearance, frame_interval=card.frame_interval, slope=slope)
    unit = OTHER_UNIT * (card.metres_per_unit or 1.0)
    rows: list[tuple[int, str, ScaleErrors]] = []
    best: list[tuple[int, str, ScaleErrors]] = []
    seeds = range(first_seed, first_seed + drives)
    for drive in predicted_drives(estimator, world, seeds, frames):
        for source in SOURCES:
            for kept, one in ((rows, drive), (best, exact(drive, unit))):
                kept.append((drive.seed, source, errors_of(one, scales_of(one, source, card))))
    means, floor = (
        {name: _mean([e for _, source, e in kept if source == name]) for name in SOURCES}
        for kept in (rows, best)
    )
    where = f'{drives} drives of {frames} frames, slopes to {slope:.0%}'
    _print(means, f'{card.name}, {where}')
    _print(floor, f'networks without error, {where}')
    if output is not None:
        table = [
            # As text, because a source that never was good is nan and not left empty.
            {'seed': seed, 'source': source, **{k: str(v) for k, v in e._asdict().items()}}
            for seed, source, e in rows
        ]
        write_csv(output / 'scales.csv', table)
    return means


def _mean(errors: Sequence[ScaleErrors]) -> ScaleErrors:
    depth, motion, unscaled, good = np.array(errors).T
    slowest = float(np.max(np.where(np.isnan(good), np.inf, good)))
    return ScaleErrors(float(depth.mean()), float(motion.mean()), float(unscaled.mean()), slowest)


def _print(means: dict[str, ScaleErrors], where: str) -> None:
    headings = 'depth %', 'motion %', 'AbsRel unscaled\nless scaled', 'good after\ns, slowest'
    rows = []
    for name, e in means.items():
        good = f'{e.good:.1f}' if name != 'model' else '-'
        percent = f'{100 * e.depth:.1f}', f'{100 * e.motion:.1f}'
        rows.append([name, *percent, f'{e.unscaled:+.4f}', good])
    title = f'Scale, {where}: errors after {CONVERGED:g} s'
    print_table(Console(highlight=False), title, ['', *map(Text, headings)], rows)
