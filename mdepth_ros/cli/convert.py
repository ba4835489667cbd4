# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth convert`: weights in other layouts become a model file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from mdepth_ros.errors import MdepthError
from mdepth_ros.terminal import say

# Weights in these layouts come without a camera: KITTI's, normalised, is what they are made for.
_CAMERA = (0.58, 1.92, 0.5, 0.5)
_INTERVAL = 0.1
# A stereo pair of KITTI is 0.54 m apart and 0.1 units in training.
_STEREO_METRES = 5.4


def convert(
    source: Annotated[
        Path,
        typer.Argument(
            help='An ImageNet ResNet file (.pth, .pt, .safetensors), or a folder with '
            'encoder.pth, depth.pth, pose_encoder.pth and pose.pth.'
        ),
    ],
    output: Annotated[Path, typer.Option('--output', '-o', help='The model file to write.')],
    input_size: Annotated[
        str | None, typer.Option(help='WIDTHxHEIGHT; 640x192 unless the folder says another.')
    ] = None,
    licence: Annotated[str, typer.Option(help='Licence of the weights.')] = 'as the weights given',
    seed: Annotated[int, typer.Option(help='Of the random parts (ImageNet files only).')] = 0,
    full_precision: Annotated[
        bool, typer.Option('--full-precision', help='Keep float32; the file is twice as large.')
    ] = False,
) -> None:
    """Convert weights of others into a model file; nothing in them is executed.

    A folder in the layout of Monodepth2 becomes a model that runs.

    An ImageNet ResNet (18, 34, 50) becomes an initialisation to train from.

    Example: mdepth convert mono_640x192 -o mono.safetensors
    """
    from mdepth_ros.model.checkpoint_import import from_imagenet, from_monodepth2
    from mdepth_ros.model.file import ModelCard, save_model

    size = (192, 640)
    facts: dict[str, Any]
    if source.is_dir():
        network, said = from_monodepth2(source)
        size = (int(said.get('height', size[0])), int(said.get('width', size[1])))
        facts = {'method': 'Monodepth2 layout, converted', 'data': 'not recorded in the weights'}
        if said.get('use_stereo'):
            facts['method'] += ' (trained with stereo)'
            facts['metres_per_unit'] = _STEREO_METRES
    else:
        network = from_imagenet(source, seed)
        facts = {'method': 'imagenet initialisation', 'seed': seed}
        facts['data'] = 'ImageNet (encoders); depth and motion are untrained'
    card = ModelCard(
        name=output.stem,
        network=network.config,
        input_size=_size(input_size) if input_size else size,
        camera=_CAMERA,
        frame_interval=_INTERVAL,
        licence=licence,
        details={'source': source.name, 'camera': "assumed: KITTI's; the weights have none"},
        **facts,
    )
    save_model(output, network, card, half=not full_precision)
    say(f'wrote {output} ({network.config.encoder}, {output.stat().st_size:,} bytes)')
    if not source.is_dir():
        say(
            'This is an initialisation to train from, not a depth model: only the encoders are '
            'trained (ImageNet), its depth and motion are random.'
        )


def _size(text: str) -> tuple[int, int]:
    """'640x192' -> (192, 640)."""
    match = re.fullmatch(r'(\d+)x(\d+)', text)
    if match is None:
        raise MdepthError(f'--input-size {text!r} is not WIDTHxHEIGHT, for example 640x192')
    return int(match[2]), int(match[1])
