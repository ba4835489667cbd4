# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What each way to drift less is worth, and what it costs: one table of held-out drives.

networks           the motion as the networks say it
key frames         pairs further apart while the vehicle is slow, `mdepth_ros.core.pairing`
photometric        moved until the images fit, `mdepth_ros.core.refinement`
corners            moved by corners of the camera's own image, `mdepth_ros.core.two_views`: what
                   the vehicle does
and backward       mean with the inverse of what they say of the two frames in the other order
and mirrored       mean with what they say of the two frames mirrored left to right

The drives are synthetic here, those of `recorded_drift` are recordings. A second table has the
same drives at `SLOW` times their speed, which is slower than most of what networks of the road are
trained on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.text import Text

from mdepth_ros.core.estimator import Estimator
from mdepth_ros.core.perception import Perception, make_perception
from mdepth_ros.core.types import Frame, FramePair
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.drives import five_frame_errors, relative_motion_errors
from mdepth_ros.evaluation.trajectory import (
    Trajectory,
    absolute_errors,
    align,
    inverse,
    relative,
    rotation_angle,
)
from mdepth_ros.geometry import Camera, interpolate, se3_exp, se3_log
from mdepth_ros.limits import NANO
from mdepth_ros.model.file import load_model
from mdepth_ros.synthetic import WorldConfig, make_drive
from mdepth_ros.terminal import Console, print_table, progress_bar
from mdepth_training.evaluation.motion import chained
from mdepth_training.evaluation.report import write_csv

SLOW = 0.25
MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])
Array = NDArray[np.float64]
Asked = Callable[[Perception, FramePair], tuple[Array, float]]


def networks(perception: Perception, pair: FramePair) -> tuple[Array, float]:
    """T_previous_current of a pair, in network units, and the seconds that it took."""
    (estimate,) = perception.step([pair], ())
    return estimate.prediction.motion, estimate.timings['estimator']


def and_backward(perception: Perception, pair: FramePair) -> tuple[Array, float]:
    """The mean of both orders."""
    turned = replace(pair, current=pair.previous, previous=pair.current)
    (motion, seconds), (back, more) = networks(perception, pair), networks(perception, turned)
    return _mean(motion, inverse(back)), seconds + more


def and_mirrored(perception: Perception, pair: FramePair) -> tuple[Array, float]:
    """The mean of the scene and its mirror image."""
    turned = replace(pair, current=_mirrored(pair.current), previous=_mirrored(pair.previous))
    (motion, seconds), (other, more) = networks(perception, pair), networks(perception, turned)
    return _mean(motion, MIRROR @ other @ MIRROR), seconds + more


def _mirrored(frame: Frame) -> Frame:
    camera = frame.camera
    turned = replace(camera, cx=camera.width - 1 - camera.cx)
    return Frame(frame.stamp, np.ascontiguousarray(frame.image[:, ::-1]), turned)


def _mean(first: Array, second: Array) -> Array:
    twists = se3_log(torch.from_numpy(np.stack([first, second])))
    return np.asarray(se3_exp(twists.mean(0)).numpy())


@dataclass(frozen=True)
class Way:
    """A way to the motion of each frame; `refined` and `by_corners` as in Estimator."""

    name: str
    asked: Asked = networks
    refined: bool = False
    by_corners: bool = True
    keyframes: bool = False


WAYS = (
    Way('networks'),
    Way('key frames', keyframes=True),
    Way('photometric', refined=True, by_corners=False),
    Way('corners', refined=True),
    Way('corners, key frames', refined=True, keyframes=True),
)
SYNTHETIC_WAYS = (*WAYS, Way('and backward', and_backward), Way('and mirrored', and_mirrored))
COLUMNS = {
    'rotation': ('turn\ndeg', 4),
    'translation': ('way\n%', 2),
    'ate_5': ('5-frame\nATE m', 4),
    'ate': ('ATE\nm', 3),
    'ate_turned': ('ATE, m\nturned', 3),
    'length': ('length\n%', 1),
    'heading': ('heading\ndeg', 2),
    'attitude': ('attitude\ndeg', 2),
    'drift_translation': ('drift\n%', 2),
    'drift_rotation': ('drift, deg\nper 100 m', 2),
    'milliseconds': ('ms', 1),
}
"""Heading and digits of each number that there may be."""
WIDTH = 120
"""Characters that a table of all of them takes at most."""


def drive_numbers(
    motions: Array, truth: Array, metres: float, seconds: Sequence[float]
) -> dict[str, float]:
    """Score the motions [N, 4, 4] of a drive in units of `metres`, which took `seconds` each.

    rotation, translation  errors of each frame: mean degrees, and % of the way
    ate_5, ate             absolute errors over 5 frames and over the drive, metres, each by the
                           one factor that suits it
    length                 |ln(length of the path / true length)|, with the metres of the card
    heading                degrees by which the last pose looks to the side of the true one
    attitude               degrees between the two, pitch and roll included
    milliseconds           median for a pair
    """
    errors = relative_motion_errors(motions, truth)[0]
    path, true = chained(motions), chained(truth)
    off = absolute_errors(align(path, true, 'scale')[0], true)
    aside = relative(true.poses[-1], path.poses[-1])
    return {
        'rotation': errors.rotation_deg,
        'translation': errors.translation_percent,
        'ate_5': float(five_frame_errors(motions, truth).mean()),
        'ate': float(np.sqrt(np.mean(off**2))),
        'length': abs(float(np.log(metres * path.distances[-1] / true.distances[-1]))),
        'heading': abs(math.degrees(math.atan2(aside[0, 2], aside[2, 2]))),
        'attitude': float(rotation_angle(aside[:3, :3])),
        'milliseconds': 1e3 * float(np.median(seconds)),
    }


def drive_path(
    estimator: Estimator, way: Way, frames: Iterable[Frame]
) -> tuple[Trajectory, list[float]]:
    """Poses [N] in the first frame, in network units, and the seconds of each pair [N-1].

    A frame that has no partner, after a gap, stays where the one before was: so does the pose on a
    vehicle. Late frames are left out. Raises MdepthError for less than two frames.
    """
    perception = make_perception(estimator, keyframes=way.keyframes)
    estimator.refined, estimator.by_corners = way.refined, way.by_corners
    stamps: list[int] = []
    poses, seconds = [np.eye(4)], list[float]()
    for frame in frames:
        pair = perception.trackers[''].pair(frame)
        if pair.stale:
            continue
        motion, spent = way.asked(perception, pair)
        if stamps:
            part = (frame.stamp - stamps[-1]) / NANO / (pair.interval or math.inf)
            poses.append(poses[-1] @ interpolate(torch.from_numpy(motion), part).numpy())
            seconds.append(spent)
        stamps.append(frame.stamp)
    if not seconds:
        raise MdepthError('a drive needs two frames at least')
    return Trajectory(np.array(stamps, np.int64), np.stack(poses)), seconds


def evaluate_drift(
    model: Path,
    drives: int,
    frames: int,
    appearance: float,
    first_seed: int,
    *,
    camera_width: int | None = None,
    output: Path | None = None,
    precision: str = 'auto',
    cues: bool = True,
) -> dict[str, dict[str, float]]:
    """Score every way on held-out drives at their own and at low speed; print the tables.

    camera_width  of the images that the camera takes, pixels; None: the size of the networks
    output        folder for drift.csv, with the numbers of every drive
    cues          as in Estimator
    """
    network, card = load_model(model)
    estimator = Estimator(network, card, precision=precision, cues=cues)
    height, width = card.input_size
    size = camera_width or width, round(height * (camera_width or width) / width)
    camera = Camera.from_normalised(*size, *card.camera)
    metres = math.nan if card.metres_per_unit is None else card.metres_per_unit
    console = Console(highlight=False)
    seeds = range(first_seed, first_seed + drives)
    rows: list[dict[str, object]] = []
    result: dict[str, dict[str, float]] = {}
    for speed, title in ((1.0, 'their own speed'), (SLOW, f'{SLOW:g} of their speed')):
        world = WorldConfig(appearance=appearance, frame_interval=speed * card.frame_interval)
        found: dict[str, list[dict[str, float]]] = {way.name: [] for way in SYNTHETIC_WAYS}
        steps = drives * frames * (1 + len(SYNTHETIC_WAYS))
        with progress_bar(console, f'rendering and driving at {title}', steps) as update:
            for seed in seeds:
                drive = make_drive(seed, frames, camera, world)
                images = []
                for index in range(frames):
                    images.append(drive.render([index]).image[0].numpy())
                    update(advance=1)
                poses = np.asarray(drive.poses)
                truth = relative(poses[:-1], poses[1:])
                for way in SYNTHETIC_WAYS:
                    # New frames: what is known of the others would save this way its time.
                    taken = (
                        Frame(round(i * card.frame_interval * NANO), image, camera)
                        for i, image in enumerate(images)
                    )
                    path, seconds = drive_path(estimator, way, taken)
                    found[way.name].append(drive_numbers(path.motions, truth, metres, seconds))
                    update(advance=frames)
        means = {
            name: {key: float(np.mean([one[key] for one in each])) for key in each[0]}
            for name, each in found.items()
        }
        pixels = f'images of {camera.width}x{camera.height}'
        print_drift(means, f'{card.name}, {drives} drives of {frames} frames at {title}, {pixels}')
        result |= {f'{name}, {title}': numbers for name, numbers in means.items()}
        rows += [
            {'speed': title, 'seed': seed, 'way': name, **numbers}
            for name, each in found.items()
            for seed, numbers in zip(seeds, each, strict=True)
        ]
    if output is not None:
        write_csv(output / 'drift.csv', rows)
    return result


def print_drift(means: Mapping[str, Mapping[str, float]], title: str) -> None:
    """Print a row for each way, of the numbers of COLUMNS that there are."""
    known = [key for key in COLUMNS if all(key in numbers for numbers in means.values())]
    rows: list[list[str | Text]] = []
    for name, numbers in means.items():
        shown = {**numbers, 'length': 100 * numbers['length']}
        values = (f'{shown[key]:.{COLUMNS[key][1]}f}' for key in known)
        rows.append(
            [
                Text(name.replace(', ', ',\n')),
                *('-' if value == 'nan' else value for value in values),
            ]
        )
    headings = (Text(COLUMNS[key][0]) for key in known)
    console = Console(highlight=False)
    console.width = max(console.width, WIDTH)  # a narrow one would cut digits
    print_table(console, f'Drift, {title}', ['', *headings], rows)
