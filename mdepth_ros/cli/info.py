# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`mdepth info`: what a model file says about itself."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import typer

from mdepth_ros.terminal import print_rows


def info(model: Annotated[Path, typer.Argument(help='A model file (.safetensors).')]) -> None:
    """Print the card of a model: architecture, camera, training, metrics, licence.

    The file is read completely, so that a damaged one is found out.

    Example: mdepth info models/synthetic-nano.safetensors
    """
    from mdepth_ros.model.file import load_model

    network, card = load_model(model)
    content = model.read_bytes()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    digest = hashlib.sha256(content).hexdigest()
    facts = ('parameters', f'{parameters:,}'), ('file', f'{model}, {len(content):,} bytes')
    print_rows([*card.rows(), *facts, ('sha256', f'{digest[:16]}...')])
