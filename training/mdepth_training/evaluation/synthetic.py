# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A model on held-out drives of the synthetic world, beside what needs no learning."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from rich.text import Text

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.evaluation.trajectory import rotation_angle
from mdepth_ros.geometry import Camera
from mdepth_ros.model.file import replace_card
from mdepth_ros.synthetic import WorldConfig, make_drive
from mdepth_ros.terminal import Console, print_table
from mdepth_training.evaluation.motion import STEADY, Chain, motion_numbers, straight_on
from mdepth_training.evaluation.pictures import draw
from mdepth_training.evaluation.predict import Predictor
from mdepth_training.evaluation.protocols import PROTOCOLS
from mdepth_training.evaluation.report import (
    PAPER,
    REGIONS,
    region_table,
    write,
    write_csv,
)
from mdepth_training.evaluation.report import print_table as print_regions
from mdepth_training.evaluation.score import Errors, Result, score
from mdepth_training.evaluation.shots import Shot, Shots
from mdepth_training.evaluation.trivial import depth_statistics

# Constant maps are made of these training drives; no held-out drive has such a seed.
_PRIOR_DRIVES = range(24)
Array = NDArray[np.float64]


_MOTION = {
    'rotation_deg': 'rotation\ndeg/frame',
    'ate_5_frames': '5-frame\nATE m',
    'rpe_translation_percent': 'translation\n%',
}


def flat_numbers(means: Errors, chains: Sequence[Chain]) -> dict[str, float]:
    """`PAPER` by region, rotation in deg/frame, translation in %, 5-frame ATE in m.

    Of depth that is not scaled AbsRel, and d1 of the whole image. The motions are those of all
    drives, and with the suffix _turns those of drives with turns.
    """
    numbers = {f'abs_rel{kind}': errors.abs_rel for kind, errors in means.items()}
    numbers |= {
        f'{name}{kind}': getattr(means[kind], name)
        for kind in REGIONS
        for name in PAPER
        if kind in means
    }
    numbers |= {'d1_raw': means['_raw'].d1} if '_raw' in means else {}
    turning = [chain for chain in chains if has_turns(chain[1])]
    for suffix, chosen in (('', chains), ('_turns', turning)):
        motion = motion_numbers(chosen)
        numbers |= {f'{key}{suffix}': motion[key] for key in _MOTION if key in motion}
    return numbers


def has_turns(motions: Array) -> bool:
    """Whether a drive has turns and changing speed.

    That is: 0.3 degrees or more per frame in the mean, and a fastest frame at least 1.1 times as
    long as the slowest. Elsewhere steady motion is hard to beat: it is nearly the truth.
    """
    lengths = np.linalg.norm(motions[:, :3, 3], axis=1)
    turning = rotation_angle(motions[:, :3, :3]).mean() >= 0.3
    return bool(turning and lengths.max() >= 1.1 * lengths.min())


def held_out(camera: Camera, world: WorldConfig, seeds: Sequence[int], frames: int) -> Shots:
    """The frames of drives of the synthetic world with all truth; of the first only the pose."""

    def read(_: Shots) -> Iterator[Shot]:
        for seed in seeds:
            drive, previous = make_drive(seed, frames, camera, world), None
            for index in range(drive.frames):
                view = drive.render([index])
                moving = view.moving[0].numpy()
                frame = Frame(drive.stamps[index], view.image[0].numpy(), camera)
                yield Shot(
                    f'{index:03d}',
                    frame,
                    previous,
                    truth=None if previous is None else view.depth[0].numpy(),
                    camera=camera,
                    moving=moving,
                    things=view.instance[0].numpy() * moving,
                    pose=np.asarray(drive.poses[index]),
                    drive=f'synthetic-{seed}',
                )
                previous = frame

    name = f'{len(seeds)} drives of {frames} frames'
    return Shots(name, len(seeds) * frames, read)


def evaluate(
    model: Path,
    drives: int,
    frames: int,
    appearance: float,
    first_seed: int,
    *,
    moving: float = 1.0,
    record: bool = False,
    csv: Path | None = None,
    output: Path | None = None,
    precision: str = 'auto',
    refined: bool = True,
    cues: bool = True,
) -> dict[str, dict[str, float]]:
    """Score a model as the vehicle runs it, print the table, and return its numbers.

    moving  amount of traffic, of WorldConfig
    record  writes them into the model's card
    csv     the table as a file
    output  folder for tables, numbers of every image and pictures

    Raises MdepthError where another model than the vehicle's would be recorded.
    """
    if record and not (refined and cues):
        raise MdepthError(
            '--record writes what the model does on the vehicle: leave out --no-refine, --no-cues'
        )
    predictor = Predictor(model, precision=precision, refined=refined, cues=cues)
    card, (height, width) = predictor.card, predictor.card.input_size
    camera = Camera.from_normalised(width, height, *card.camera)
    world = WorldConfig(appearance, moving, frame_interval=card.frame_interval)
    shots = held_out(camera, world, range(first_seed, first_seed + drives), frames)
    seeds = track(_PRIOR_DRIVES, description='depth of training drives')
    statistics = depth_statistics(make_drive(seed, frames, camera, world) for seed in seeds)
    result = score(predictor, shots, PROTOCOLS['synthetic'], statistics)
    numbers = {name: flat_numbers(errors, []) for name, errors in result.means().items()}
    numbers[card.name] |= flat_numbers({}, result.chains) | result.agreement() | result.ranking()
    numbers[STEADY] = flat_numbers({}, straight_on(result.chains))
    _print(numbers, result)
    if csv is not None:
        write_csv(csv, [{'predictor': n, **dict(sorted(v.items()))} for n, v in numbers.items()])
    if output is not None:
        write(result, output)
        draw(predictor, shots, result, output / 'depth.png')
    if record:
        own = numbers[card.name]
        noise = (own['rpe_translation_percent'] / 100, float(np.radians(own['rotation_deg'])))
        text = f'{drives} held-out drives of {frames} frames, seeds from {first_seed}'
        text += f', appearance {appearance:g}, moving {moving:g}'
        details = {**card.details, 'metrics measured on': text}
        metrics = {name: value for name, value in own.items() if np.isfinite(value)}
        card = replace(card, metrics=metrics, motion_noise=noise, details=details)
        replace_card(model, card)
    return numbers


_DEPTH = {
    'abs_rel': 'AbsRel',
    'd1': 'd1',
    'abs_rel_raw': 'unscaled',
    'consistency': 'change in\ntime',
}


def _print(numbers: dict[str, dict[str, float]], result: Result) -> None:
    console, drives = Console(highlight=False), result.data
    turning = sum(has_turns(truth) for _, truth in result.chains)
    tables = (
        (f'Depth, {drives}: AbsRel median-scaled, up to 80 m', '', _DEPTH),
        (f'Motion, {drives}', '', _MOTION),
        (f'Motion, the {turning} of them with turns and changing speed', '_turns', _MOTION),
    )
    for title, suffix, columns in tables:
        rows = [
            [name, *(f'{values.get(key + suffix, math.nan):.4f}' for key in columns)]
            for name, values in numbers.items()
            if any(math.isfinite(values.get(key + suffix, math.nan)) for key in columns)
        ]
        if rows:
            print_table(console, title, ['', *map(Text, columns.values())], rows)
    print_regions(region_table(result.means(), result.dynamic), console)
    console.print(str(result.traffic()), soft_wrap=True)
    own, *constants, steady = numbers.values()
    if 'ause' in own:
        console.print(
            f'Confidence: sparsification error {own["ause"]:.3f} of that of a random order (0: as '
            f'the errors themselves), area {own["sparsification"]:.3f} of random'
        )
    best = min(values['abs_rel'] for values in constants)
    console.print(f'AbsRel: {own["abs_rel"] / best:.2f} of the best constant map')
    for suffix, where in (('', 'all drives'), ('_turns', 'drives with turns')):
        if f'rotation_deg{suffix}' in own:
            rotation, ate = (
                own[f'{key}{suffix}'] / steady[f'{key}{suffix}']
                for key in ('rotation_deg', 'ate_5_frames')
            )
            console.print(
                f'{where}: rotation error {rotation:.2f}, 5-frame ATE {ate:.2f} of constant motion'
            )
