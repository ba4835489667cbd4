# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth calibrate`: how wrong a model's motions are, measured and written into its card."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mdepth_ros.cli import options as shared
from mdepth_ros.errors import MdepthError
from mdepth_ros.terminal import say

if TYPE_CHECKING:
    from mdepth_ros.core.estimator import Estimator
    from mdepth_ros.evaluation.calibration import Calibration, DrivePairs
    from mdepth_ros.model.file import ModelCard

FIRST_SEED = 40000  # neither training nor the drives of evaluation have such seeds
_OF_SOURCE = {'topic', 'intrinsics', 'rectified', 'rate', 'mask'}
_OF_DRIVES = {'truth', 'odom_topic', 'truth_frame', *_OF_SOURCE}
_OF_WORLD = {'drives', 'frames', 'seed', 'appearance'}


def calibrate(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(help='A model file (.safetensors).')],
    recordings: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar='[DRIVE]...',
            help='Recordings with true poses, as `mdepth run` takes them; default: synthetic.',
        ),
    ] = None,
    truth: Annotated[
        list[Path] | None,
        typer.Option(help='True poses (bag, TUM, KITTI), once for each DRIVE; default: in it.'),
    ] = None,
    odom_topic: shared.OdomTopic = None,
    truth_frame: shared.TruthFrame = None,
    topic: shared.Topic = None,
    intrinsics: shared.Intrinsics = None,
    rectified: shared.Rectified = None,
    rate: shared.Rate = None,
    mask: shared.Mask = None,
    drives: Annotated[int, typer.Option(min=2, max=10_000, help='Synthetic drives.')] = 24,
    frames: Annotated[int, typer.Option(min=30, max=1_000_000, help='Of each of these.')] = 70,
    seed: Annotated[int, typer.Option(help='Seed of the first synthetic drive.')] = FIRST_SEED,
    appearance: shared.Appearance = 0.0,
    output: Annotated[
        Path | None, typer.Option('--output', '-o', help='Write here; default: into the model.')
    ] = None,
) -> None:
    """Measure how wrong a model's motions and scale are and write it into its card.

    The covariances of odometry and twist come from it. Measured on drives with true poses: your
    own, or synthetic ones. A drive is cut into parts of 60 s or less; one alone is cut in two at
    least, and its scale says little of other drives.

    Examples: mdepth calibrate models/road-nano.safetensors --appearance 1

    mdepth calibrate MODEL MONDAY.mcap TUESDAY.mcap --odom-topic /gnss/odometry -o CALIBRATED

    mdepth calibrate MODEL sequences/09 sequences/10 -o CALIBRATED
    """
    from dataclasses import replace

    from rich.progress import track

    from mdepth_ros.core.estimator import Estimator
    from mdepth_ros.evaluation.calibration import calibrate, synthetic_pairs
    from mdepth_ros.model.file import load_model, replace_card

    _check(context, recordings, truth)
    network, card = load_model(model)
    estimator = Estimator(network, card)
    if recordings:
        options = {name: context.params[name] for name in _OF_SOURCE}
        driving = _recorded(estimator, recordings, truth, odom_topic, truth_frame, options)
        names = ', '.join(recording.resolve().name for recording in recordings)
        where = f'recorded drives with true poses: {names}'
    else:
        driving = synthetic_pairs(estimator, range(seed, seed + drives), frames, appearance)
        where = f'{drives} synthetic drives of {frames} frames, seeds from {seed}, '
        where += f'appearance {appearance:g}'
    total = len(recordings or range(drives))
    measured = list(track(driving, description='driving', total=total))
    found = calibrate(measured)
    text = (
        f'{where}; {found.pairs} pairs; where left out NEES/6 {found.held_out.nees:.2f}, '
        f'95 % intervals cover {found.held_out.coverage:.1%}; {found.alarms:.2%} of the pairs '
        'were not tracked'
    )
    # One drive does not tell how much another differs: what is known of that is kept.
    entries = found.entries(card.metres_per_unit, card.scale_spread if total == 1 else 0.0)
    details = {**card.details, 'calibrated on': text}
    card = replace(card, calibration=entries, details=details)
    replace_card(model, card, output)
    say(f'calibrated on {text}')
    _tell(found, measured, card)
    say(f'written: {output or model}')


def _check(
    context: typer.Context, recordings: list[Path] | None, truth: list[Path] | None
) -> None:
    """Refuse options that are for drives of another kind."""
    for name, option in shared.given(context).items():
        if recordings and name in _OF_WORLD:
            raise MdepthError(f'{option} is for synthetic drives, not for drives of your own')
        if not recordings and name in _OF_DRIVES:
            raise MdepthError(f'{option} is for drives of your own: name them as well')
    if truth and len(truth) != len(recordings or ()):
        raise MdepthError(f'--truth {len(truth)} times for {len(recordings or ())} drives')


def _tell(found: Calibration, drives: list[DrivePairs], card: ModelCard) -> None:
    """Print how wrong a typical pair and the scale are."""
    import numpy as np

    from mdepth_ros.core.motion_noise import AXES

    errors = drives[0].errors()
    typical = np.median(found.noise.stds(errors.sizes, errors.by_corners), 0)
    stds = ', '.join(f'{axis} {std:.2g}' for axis, std in zip(AXES, typical, strict=True))
    say(
        f'a typical pair, std: {stds} (units and rad); a chain errs '
        f'{found.noise.correlation**0.5:.1f} times as much as its pairs would alone'
    )
    scale = f'scale: the true paths have {found.metres_per_unit:.3g} metres per unit'
    if card.metres_per_unit is not None:
        scale += f', the card {card.metres_per_unit:.3g} with a spread of {card.scale_spread:.1%}'
    if len(drives) == 1:
        scale += '; how much it differs from drive to drive, one drive does not tell'
    say(scale)


def _recorded(
    estimator: Estimator,
    recordings: list[Path],
    truths: list[Path] | None,
    odom_topic: str | None,
    truth_frame: str | None,
    options: dict[str, Any],
) -> Iterator[DrivePairs]:
    """The pairs of recordings with true poses; what was lost of them is printed."""
    from mdepth_ros.evaluation.calibration import drive_pairs
    from mdepth_ros.report.poses import camera_poses, with_poses
    from mdepth_ros.sources import open_source

    ready = []  # what is wrong with the last drive is said before the first is driven
    for recording, truth in zip(recordings, truths or repeat(None), strict=False):
        source = open_source(recording, **options)
        poses, name, _ = camera_poses(recording, source, truth, odom_topic, truth_frame)
        ready.append((recording, source, poses, name))

    for recording, source, poses, name in ready:
        try:
            pairs = drive_pairs(estimator, with_poses(source, poses, name))
        except MdepthError as error:
            raise MdepthError(f'{recording}: {error}') from None
        for line in source.losses:
            say(f'{recording.name}: {line}')
        yield pairs
