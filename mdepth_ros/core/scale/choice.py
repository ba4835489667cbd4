# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The scale that a user asks for, by a text."""

from __future__ import annotations

from mdepth_ros.core.scale.base import FixedScale, NoScale, ScaleSource
from mdepth_ros.core.scale.measured import (
    Height,
    HeightSource,
    MeasuredScale,
    Source,
    SpeedSource,
    check_height,
)
from mdepth_ros.errors import MdepthError
from mdepth_ros.limits import SCALE_WORDS
from mdepth_ros.model.card import ModelCard

MEASURED = ('height', 'speed')
CHOICES = f'{str(SCALE_WORDS)[1:-1]}, or metres per unit'
PRIOR_SPREAD = 0.2
"""Least relative std of the card's metres per unit on a camera that it was not measured with."""


def scale_source(
    scale: str | float,
    card: ModelCard,
    camera_height: Height | None = None,
    warnings: list[str] | None = None,
) -> ScaleSource:
    """Where the metres of a model's lengths come from.

    scale          'model': metres per unit of the card and their spread (none where the card has
                   none, which is added to `warnings`); 'none'; metres per unit, taken as exact;
                   'height', 'speed' or 'height+speed': measured while driving, the card's value
                   until then
    camera_height  metres above the road, for 'height'

    Raises MdepthError for anything else.
    """
    if camera_height:
        check_height(camera_height)
    names = str(scale).split('+')
    if set(names) <= set(MEASURED):
        prior = card.metres_per_unit
        return MeasuredScale(
            {name: _source(name, camera_height) for name in names},
            None if prior is None else (prior, max(PRIOR_SPREAD, card.scale_spread)),
        )
    if scale == 'none':
        return NoScale()
    if scale != 'model':
        try:
            return FixedScale(float(scale))
        except ValueError:
            raise MdepthError(f'scale {scale!r}: use {CHOICES}') from None
    if card.metres_per_unit is not None:
        return FixedScale(card.metres_per_unit, card.metres_per_unit * card.scale_spread)
    warning = (
        f'{card.name} does not know its scale: lengths are in network units; '
        'give metres per unit as the scale, or have it measured: height, speed'
    )
    if warnings is not None and warning not in warnings:
        warnings.append(warning)
    return NoScale()


def _source(name: str, camera_height: Height | None) -> Source:
    if name == 'speed':
        return SpeedSource()
    if camera_height is None or camera_height == 0:
        raise MdepthError(
            "scale 'height' needs the camera's height above the road: give camera_height in metres"
        )
    return HeightSource(camera_height)
