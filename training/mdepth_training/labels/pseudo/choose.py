# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which provider the settings mean."""

from __future__ import annotations

import re
from pathlib import Path

from mdepth_ros.errors import MdepthError
from mdepth_training.config import Experiment
from mdepth_training.labels.pseudo.folder import FolderOfMaps
from mdepth_training.labels.pseudo.own_model import OwnModel
from mdepth_training.labels.pseudo.provider import Provider
from mdepth_training.labels.pseudo.settings import STAND_IN, PseudoSettings
from mdepth_training.labels.pseudo.stand_in import StandIn

_ON_THE_HUB = re.compile(r'[\w.-]+/[\w.-]+')


def provider_of(settings: PseudoSettings, experiment: Experiment) -> Provider:
    """Open the provider; MdepthError where there is none, or something is missing."""
    text = settings.provider
    path = Path(text).expanduser()
    if not text:
        raise MdepthError(f'no provider of pseudo-depth: give {_choices()}')
    if text == STAND_IN:
        return StandIn(experiment, settings)
    if path.is_file() and path.suffix == '.safetensors':
        return OwnModel(path, settings)
    if path.is_file() and path.suffix == '.onnx':
        from mdepth_training.labels.pseudo.onnx_file import OnnxFile

        return OnnxFile(path, settings)
    if (path / 'config.json').is_file() or (not path.exists() and _ON_THE_HUB.fullmatch(text)):
        from mdepth_training.labels.pseudo.transformers_model import TransformersModel

        return TransformersModel(str(path), settings)
    if path.is_dir():
        return FolderOfMaps(path, settings, experiment.input_size)
    raise MdepthError(f'{text} is no provider of pseudo-depth: give {_choices()}')


def _choices() -> str:
    return (
        'the name or the folder of a depth model of transformers, an .onnx file, a model of ours '
        f'(.safetensors), a folder of maps, or {STAND_IN}'
    )
