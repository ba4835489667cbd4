# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A model on held-out drives of the synthetic world, beside what needs no learning."""

from __future__ import annotations

import csv as csv_module
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

from mdepth_ros.estimator import Estimator
from mdepth_ros.evaluation import (
    DepthScores,
    MotionErrors,
    five_frame_errors,
    relative,
    relative_motion_errors,
)
from mdepth_ros.frame import Frame
from mdepth_ros.geometry import Camera
from mdepth_ros.model_file import load_model, save_model
from mdepth_ros.pairing import FramePair
from mdepth_ros.synthetic import Drive, WorldConfig, make_drive
from mdepth_training.evaluation.trivial import depth_statistics, flat_ground

# Constant maps are made of these training drives; no held-out drive has such a seed.
_PRIOR_DRIVES, _PRIOR_STEP = range(24), 8
_CAMERA_HEIGHT, _WALL = 1.65, 7.5
Array = NDArray[np.float64]


@dataclass
class Score:
    """What one predictor did on all drives."""

    depth: DepthScores | None = None
    motions: list[MotionErrors] = field(default_factory=list)
    ate: list[Array] = field(default_factory=list)

    def numbers(self) -> dict[str, float]:
        """AbsRel and d1 by region, rotation in deg/frame, translation in %, 5-frame ATE in m."""
        result: dict[str, float] = {}
        if self.depth is not None:
            means = self.depth.means()
            result = {f'abs_rel{kind}': errors.abs_rel for kind, errors in means.items()}
            result |= {'d1': means[''].d1, 'd1_raw': means['_raw'].d1}
        if self.motions:
            pooled = MotionErrors.pooled(self.motions)
            result['rotation_deg'] = pooled.rotation_deg
            result['rpe_translation_percent'] = pooled.translation_percent
            result['ate_5_frames'] = float(np.concatenate(self.ate).mean())
        return result

    def add_motions(self, estimate: Array, truth: Array) -> None:
        """Score the motions [N,4,4] of one drive, scaled by the one factor that suits it best."""
        self.motions.append(relative_motion_errors(estimate, truth)[0])
        self.ate.append(five_frame_errors(estimate, truth))


def evaluate(
    model: Path,
    drives: int,
    frames: int,
    appearance: float,
    first_seed: int,
    *,
    record: bool = False,
    csv: Path | None = None,
) -> dict[str, dict[str, float]]:
    """Score a model as the vehicle runs it, print the table, and return its numbers."""
    network, card = load_model(model)
    height, width = card.input_size
    camera = Camera.from_normalised(width, height, *card.camera)
    world = WorldConfig(appearance=appearance, frame_interval=card.frame_interval)
    constants = _constants(camera, world, frames)
    unit = card.metres_per_unit or 1.0
    scores = {card.name: Score(DepthScores())}
    scores |= {name: Score(DepthScores()) for name in constants}
    steady, straight = 'constant forward motion', np.eye(4)
    straight[2, 3] = 1.0
    scores[steady] = Score()
    estimator = Estimator(network, card)
    for seed in track(range(first_seed, first_seed + drives), description='held-out drives'):
        drive = make_drive(seed, frames, camera, world)
        truth = relative(*(np.asarray(drive.poses)[part] for part in (slice(-1), slice(1, None))))
        scores[card.name].add_motions(
            _run(estimator, drive, camera, unit, scores, constants), truth
        )
        scores[steady].add_motions(np.broadcast_to(straight, truth.shape), truth)
    numbers = {name: score.numbers() for name, score in scores.items()}
    _print(numbers, f'{drives} drives of {frames} frames, appearance {appearance:g}')
    if csv is not None:
        _write(numbers, csv)
    if record:
        own = numbers[card.name]
        noise = (own['rpe_translation_percent'] / 100, float(np.radians(own['rotation_deg'])))
        text = f'{drives} held-out drives of {frames} frames, seeds from {first_seed}'
        details = {**card.details, 'metrics measured on': f'{text}, appearance {appearance:g}'}
        card = replace(card, metrics=own, motion_noise=noise, details=details)
        save_model(model, load_model(model)[0], card)
    return numbers


def _run(
    estimator: Estimator,
    drive: Drive,
    camera: Camera,
    unit: float,
    scores: dict[str, Score],
    constants: dict[str, Array],
) -> Array:
    """Score the depth of a drive's frames from the second on; return the estimated motions."""
    motions, previous, own = [], None, next(iter(scores))
    for index in range(drive.frames):
        view = drive.render([index])
        frame = Frame(drive.stamps[index], view.image[0].numpy(), camera)
        if previous is not None:
            interval = (frame.stamp - previous.stamp) / 1e9
            prediction = estimator(FramePair(frame, previous, '', interval))
            truth, moving = view.depth[0].numpy(), view.moving[0].numpy()
            for name, depth in ((own, unit * prediction.depth), *constants.items()):
                depths = scores[name].depth
                assert depths is not None
                depths.add(depth, truth, moving)
            motions.append(prediction.motion)
        previous = frame
    return np.stack(motions)


def _constants(camera: Camera, world: WorldConfig, frames: int) -> dict[str, Array]:
    depths = (
        depth.numpy().astype(np.float64)
        for seed in track(_PRIOR_DRIVES, description='depth of training drives')
        for depth in make_drive(seed, frames, camera, world)
        .render(range(0, frames, _PRIOR_STEP))
        .depth
    )
    return depth_statistics(depths) | {
        'flat ground': flat_ground(camera, _CAMERA_HEIGHT),
        'flat ground and walls': flat_ground(camera, _CAMERA_HEIGHT, _WALL),
    }


_COLUMNS = {
    'abs_rel': 'AbsRel',
    'd1': 'd1',
    'abs_rel_static': 'AbsRel static',
    'abs_rel_moving': 'AbsRel moving',
    'abs_rel_raw': 'AbsRel unscaled',
    'rotation_deg': 'rotation deg/frame',
    'ate_5_frames': '5-frame ATE m',
    'rpe_translation_percent': 'translation %',
}


def _print(numbers: dict[str, dict[str, float]], title: str) -> None:
    table = Table(title=f'{title}; depth median-scaled, up to 80 m, from the second frame on')
    table.add_column('predictor')
    for heading in _COLUMNS.values():
        table.add_column(heading, justify='right')
    for name, values in numbers.items():
        digits = [f'{values[key]:.4f}' if key in values else '' for key in _COLUMNS]
        table.add_row(name, *digits)
    console = Console()
    console.print(table, width=max(console.width, 150))
    own, *rest = numbers.values()
    best = min(v['abs_rel'] for v in rest if 'abs_rel' in v)
    steady = rest[-1]
    print(
        f'AbsRel {own["abs_rel"] / best:.2f} of the best constant, rotation error '
        f'{own["rotation_deg"] / steady["rotation_deg"]:.2f} and 5-frame ATE '
        f'{own["ate_5_frames"] / steady["ate_5_frames"]:.2f} of constant motion'
    )


def _write(numbers: dict[str, dict[str, float]], path: Path) -> None:
    columns = sorted({key for values in numbers.values() for key in values})
    with path.open('w', newline='') as file:
        writer = csv_module.writer(file)
        writer.writerow(['predictor', *columns])
        for name, values in numbers.items():
            writer.writerow([name, *(values.get(column, '') for column in columns)])
