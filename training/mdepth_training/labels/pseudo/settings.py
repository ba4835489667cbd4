# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What pseudo-depth is made of: a block of a stage, or `--with` of `mdepth-train pseudo`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mdepth_ros.errors import MdepthError
from mdepth_ros.texts import TextError
from mdepth_training.settings import build, from_text, setting

STAND_IN = 'truth-stand-in'
"""The provider that is made of the synthetic truth, for tests and ablations alone."""


@dataclass(frozen=True)
class PseudoSettings:
    """Where pseudo-depth comes from, and what is not known of it by itself."""

    provider: str = setting(
        '',
        'a depth model of transformers (its name, or its folder), an .onnx file, a model of ours '
        '(.safetensors), a folder of maps (PNG, npy), or truth-stand-in',
    )
    space: Literal['', 'depth', 'disparity'] = setting(
        '', 'what the numbers are, for ONNX and folders: depth (far is large) or disparity'
    )
    metric: bool = setting(False, 'ONNX, folders: depth is in metres, or disparity in 1/metres')
    png_unit: float = setting(
        0.0, 'folders: what a PNG holds for 1 (KITTI has 256 for a metre); 0: its largest', 0
    )
    licence: str = setting('', 'of the provider, to be written down where it says none itself')
    image_size: tuple[int, int] | None = setting(
        None, 'height and width that a network sees; none: as it was made for', 1, 8192
    )
    normalise: Literal['imagenet', 'half', 'none'] = setting(
        'imagenet',
        "ONNX: what is done to colours of 0..1: less ImageNet's mean, through its deviation; less "
        '0.5, through 0.5; nothing',
    )
    noise: float = setting(0.05, 'truth-stand-in: smooth noise of the log depth', 0, 2)
    bend: float = setting(0.2, 'truth-stand-in: how far depth is bent, as a power of it', -0.9, 2)
    blur: float = setting(1.0, 'truth-stand-in: blur in pixels', 0, 100)
    wrong: float = setting(0.0, 'truth-stand-in: share of the pixels in wrong patches', 0, 1)
    ground: float = setting(
        0.0, 'truth-stand-in: how much the ground is bent upwards, as a share of its depth', 0, 2
    )
    seed: int = setting(0, 'truth-stand-in: of its chance', 0, 10**12)

    def __post_init__(self) -> None:
        if self.metric and not self.space:
            raise MdepthError('metric without space: say also space=depth or space=disparity')


def read_settings(provider: str, given: Sequence[str] = ()) -> PseudoSettings:
    """The settings of a provider; those of `given` look like `space=disparity`.

    Raises MdepthError for an unknown name or a value of the wrong type.
    """
    values: dict[str, object] = {'provider': provider}
    for text in given:
        name, equals, value = text.partition('=')
        try:
            if not equals:
                raise TextError('it has no =')
            values[name] = from_text(PseudoSettings, name, value)
        except TextError as error:
            raise MdepthError(f'--with {text}: {error}; write it as space=disparity') from None
    return build(PseudoSettings, values)
