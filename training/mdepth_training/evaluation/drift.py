# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What each way to drift less is worth, and what it costs: one table of held-out drives.

networks           the motion as the networks say it
and backward       mean with the inverse of what they say of the two frames in the other order
and mirrored       mean with what they say of the two frames mirrored left to right
refined            moved until the images fit, `mdepth_ros.core.refinement`
key frames         pairs further apart while the vehicle is slow, `mdepth_ros.core.pairing`

A second table has the same drives at `SLOW` times their speed, which is slower than most of what
networks of the road are trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from rich.text import Text

from mdepth_ros.core.estimator import Estimator
from mdepth_ros.core.perception import Perception, make_perception
from mdepth_ros.core.types import Frame, FramePair
from mdepth_ros.evaluation.drives import five_frame_errors, relative_motion_errors
from mdepth_ros.evaluation.trajectory import absolute_errors, align, inverse, relative
from mdepth_ros.geometry import Camera, interpolate, se3_exp, se3_log
from mdepth_ros.limits import NANO
from mdepth_ros.model.file import load_model
from mdepth_ros.synthetic import WorldConfig, make_drive
from mdepth_ros.terminal import Console, print_table
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
    """A way to the motion of each frame."""

    name: str
    asked: Asked = networks
    refined: bool = False
    keyframes: bool = False


WAYS = (
    Way('networks'),
    Way('and backward', and_backward),
    Way('and mirrored', and_mirrored),
    Way('key frames', keyframes=True),
    Way('refined', refined=True),
    Way('refined, key frames', refined=True, keyframes=True),
)


def drive_numbers(
    motions: Array, truth: Array, metres: float, seconds: Sequence[float]
) -> dict[str, float]:
    """Score the motions [N, 4, 4] of a drive in units of `metres`, which took `seconds` each.

    rotation, translation  errors of each frame: mean degrees, and % of the way
    ate_5, ate             absolute errors over 5 frames and over the drive, metres, each by the
                           one factor that suits it
    length                 |ln(length of the path / true length)|, with the metres of the card
    milliseconds           median for a pair
    """
    errors = relative_motion_errors(motions, truth)[0]
    path, true = chained(motions), chained(truth)
    off = absolute_errors(align(path, true, 'scale')[0], true)
    return {
        'rotation': errors.rotation_deg,
        'translation': errors.translation_percent,
        'ate_5': float(five_frame_errors(motions, truth).mean()),
        'ate': float(np.sqrt(np.mean(off**2))),
        'length': abs(float(np.log(metres * path.distances[-1] / true.distances[-1]))),
        'milliseconds': 1e3 * float(np.median(seconds)),
    }


def drive_motions(
    estimator: Estimator, way: Way, frames: Sequence[Frame]
) -> tuple[Array, list[float]]:
    """Motion from each frame to the next [N-1, 4, 4], and the seconds that each pair took."""
    perception = make_perception(estimator, keyframes=way.keyframes)
    estimator.refined = way.refined
    motions, seconds = [], []
    for index, frame in enumerate(frames):
        pair = perception.trackers[''].pair(frame)
        motion, spent = way.asked(perception, pair)
        seconds.append(spent)
        if index:
            part = (frame.stamp - frames[index - 1].stamp) / NANO / pair.interval
            motions.append(interpolate(torch.from_numpy(motion), part).numpy())
    return np.stack(motions), seconds[1:]


def evaluate_drift(
    model: Path,
    drives: int,
    frames: int,
    appearance: float,
    first_seed: int,
    *,
    output: Path | None = None,
    precision: str = 'auto',
    cues: bool = True,
) -> dict[str, dict[str, float]]:
    """Score every way on held-out drives at their own and at low speed; print the tables.

    output  folder for drift.csv, with the numbers of every drive
    cues    as in Estimator
    """
    network, card = load_model(model)
    estimator = Estimator(network, card, precision=precision, cues=cues)
    camera = Camera.from_normalised(*card.input_size[::-1], *card.camera)
    seeds = range(first_seed, first_seed + drives)
    rows: list[dict[str, object]] = []
    result: dict[str, dict[str, float]] = {}
    for speed, title in ((1.0, 'their own speed'), (SLOW, f'{SLOW:g} of their speed')):
        world = WorldConfig(appearance=appearance, frame_interval=speed * card.frame_interval)
        found: dict[str, list[dict[str, float]]] = {way.name: [] for way in WAYS}
        for seed in track(seeds, description=title):
            drive = make_drive(seed, frames, camera, world)
            images = [drive.render([i]).image[0].numpy() for i in range(frames)]
            taken = [
                Frame(round(i * card.frame_interval * NANO), image, camera)
                for i, image in enumerate(images)
            ]
            poses = np.asarray(drive.poses)
            truth = relative(poses[:-1], poses[1:])
            for way in WAYS:
                motions, seconds = drive_motions(estimator, way, taken)
                metres = card.metres_per_unit or 1.0
                found[way.name].append(drive_numbers(motions, truth, metres, seconds))
        means = {
            name: {key: float(np.mean([one[key] for one in each])) for key in each[0]}
            for name, each in found.items()
        }
        _print(means, f'{card.name}, {drives} drives of {frames} frames at {title}')
        result |= {f'{name}, {title}': numbers for name, numbers in means.items()}
        rows += [
            {'speed': title, 'seed': seed, 'way': name, **numbers}
            for name, each in found.items()
            for seed, numbers in zip(seeds, each, strict=True)
        ]
    if output is not None:
        write_csv(output / 'drift.csv', rows)
    return result


def _print(means: dict[str, dict[str, float]], title: str) -> None:
    headings = 'turn\ndeg', 'way\n%', '5-frame\nATE m', 'ATE\nm', 'length\n%', 'ms'
    digits = (4, 2, 4, 3, 1, 1)
    rows = []
    for name, numbers in means.items():
        values = (numbers | {'length': 100 * numbers['length']}).values()
        rows.append([name, *(f'{value:.{n}f}' for value, n in zip(values, digits, strict=True))])
    print_table(Console(highlight=False), f'Drift, {title}', ['', *map(Text, headings)], rows)
