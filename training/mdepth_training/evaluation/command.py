# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command `mdepth-train evaluate`: which of five evaluations its options ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from mdepth_ros.cli.options import OdomTopic, Rectified, TruthFrame, given
from mdepth_ros.errors import MdepthError

_ALL = {'model', 'output', 'precision', 'cues'}
_WORLD = {'drives', 'frames', 'appearance', 'first_seed'}
_OPTIONS = {
    '--data': {
        *('data', 'protocol', 'split', 'topic', 'intrinsics', 'rectified', 'masks', 'depth_unit'),
        *('crop', 'cap', 'view', 'refine', 'camera_height', 'prior', 'first_frame', 'limit'),
    },
    '--scales': {'scales', 'slope', 'refine', *_WORLD},
    '--drift': {'drift', 'camera_width', *_WORLD},
    '--drift with --data': {
        *('drift', 'data', 'truth', 'odom_topic', 'truth_frame'),
        *('topic', 'intrinsics', 'rectified', 'limit'),
    },
    'the synthetic world': {'record', 'csv', 'refine', 'moving', *_WORLD},
}
"""What each evaluation can use; another option would silently do nothing, so it is refused."""


def evaluate(
    context: typer.Context,
    model: Annotated[Path, typer.Argument(help='A model file.')],
    data: Annotated[
        Path | None, typer.Option(help='Recording or data set; without it, the synthetic world.')
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help='How to count; guessed from --data where that is clear.')
    ] = None,
    output: Annotated[
        Path | None, typer.Option('--output', '-o', help='Folder for tables and pictures.')
    ] = None,
    split: Annotated[Path | None, typer.Option(help='List of the images to score.')] = None,
    topic: Annotated[str | None, typer.Option(help='Camera topic or image folder.')] = None,
    intrinsics: Annotated[str | None, typer.Option(help="'fx,fy,cx,cy', or a file.")] = None,
    rectified: Rectified = None,
    masks: Annotated[
        Path | None,
        typer.Option(help='Folder with masks (PNG) of what moves, named as the images.'),
    ] = None,
    depth_unit: Annotated[
        float | None,
        typer.Option(min=1, max=1e5, help='RGB-D: units of depth images in a metre, 1000 for mm.'),
    ] = None,
    crop: Annotated[
        str | None, typer.Option(help="none, garg, cityscapes or nyu, not the protocol's own.")
    ] = None,
    cap: Annotated[float | None, typer.Option(help='Score truths up to this, metres.')] = None,
    view: Annotated[
        str | None, typer.Option(help='whole (as the papers) or crop (as the vehicle).')
    ] = None,
    camera_height: Annotated[
        float | None, typer.Option(help='Metres above the road: adds the flat ground.')
    ] = None,
    prior: Annotated[
        Path | None, typer.Option(help='Experiment of the model: adds the mean of its world.')
    ] = None,
    first_frame: Annotated[
        str, typer.Option(help='Pair frames that have none before with: duplicate or next.')
    ] = 'duplicate',
    precision: Annotated[str, typer.Option(help='auto, fp32, bf16 or fp16.')] = 'auto',
    refine: Annotated[
        bool, typer.Option(help="Refine the networks' motion, as on the vehicle.")
    ] = True,
    cues: Annotated[
        bool, typer.Option(help='Give the depth the cues of the pair; else one image must do.')
    ] = True,
    limit: Annotated[int | None, typer.Option(min=1, help='Score so many images.')] = None,
    drives: Annotated[
        int, typer.Option(min=1, max=10_000, help='Synthetic: held-out drives.')
    ] = 10,
    frames: Annotated[
        int, typer.Option(min=5, max=1_000_000, help='Synthetic: frames of each drive.')
    ] = 70,
    appearance: Annotated[
        float, typer.Option(min=0, max=1, help='Synthetic: 0 plain, 1 broadly randomised.')
    ] = 0.0,
    moving: Annotated[
        float, typer.Option(min=0, max=10, help='Synthetic: traffic, 1 is the usual amount.')
    ] = 1.0,
    first_seed: Annotated[int, typer.Option(help='Synthetic: seed of the first drive.')] = 10_000,
    record: Annotated[
        bool, typer.Option(help="Synthetic: write the scores into the model's card.")
    ] = False,
    csv: Annotated[Path | None, typer.Option(help='Synthetic: also write the table here.')] = None,
    scales: Annotated[
        bool,
        typer.Option('--scales', help='Synthetic: score the metres by height and speed instead.'),
    ] = False,
    drift: Annotated[
        bool,
        typer.Option('--drift', help='Compare the ways to drift less, also on --data with poses.'),
    ] = False,
    camera_width: Annotated[
        int | None,
        typer.Option(min=32, max=4096, help='Drift: of the images; default: of the networks.'),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help='Drift: true poses (bag, TUM, KITTI); default: in --data.')
    ] = None,
    odom_topic: OdomTopic = None,
    truth_frame: TruthFrame = None,
    slope: Annotated[
        float, typer.Option(min=0, max=0.2, help='Scales: how steep the roads are, 0.05 is 5 %.')
    ] = 0.05,
) -> None:
    """Score a model beside predictors that need no learning.

    Without --data on held-out synthetic drives. With it on a bag with lidar or depth, KITTI,
    Cityscapes, Make3D, NYU, TUM, Bonn, DDAD, RGB-D folders, or a folder that `extract` made.

    Examples: mdepth-train evaluate models/synthetic-nano.safetensors --data my_bag -o scores

    mdepth-train evaluate models/road-nano.safetensors --drift --data my_bag
    """
    values = dict(locals())
    recorded = data is not None
    asked = {
        '--drift with --data': drift and recorded,
        '--data': recorded,
        '--scales': scales,
        '--drift': drift,
    }
    kind = next((option for option, yes in asked.items() if yes), 'the synthetic world')
    _refuse_others(context, kind)
    run: Callable[..., object]
    if kind == '--data':
        from mdepth_training.evaluation.evaluate import evaluate as run
    elif kind == '--drift with --data':
        from mdepth_training.evaluation.recorded_drift import evaluate_recorded_drift as run
    elif kind == '--scales':
        from mdepth_training.evaluation.scale_errors import evaluate_scales as run
    elif kind == '--drift':
        from mdepth_training.evaluation.drift import evaluate_drift as run
    else:
        from mdepth_training.evaluation.synthetic import evaluate as run
    chosen = {name: values[name] for name in (_ALL | _OPTIONS[kind]) - {'scales', 'drift'}}
    if 'refine' in chosen:
        chosen['refined'] = chosen.pop('refine')
    run(**chosen)


def _refuse_others(context: typer.Context, kind: str) -> None:
    """Raise MdepthError for an option that was given and that this evaluation does not use."""
    for name, option in given(context).items():
        if name not in _ALL | _OPTIONS[kind]:
            users = ', '.join(other for other, names in _OPTIONS.items() if name in names)
            raise MdepthError(f'{option} means nothing for {kind}, only for {users}: leave it out')
