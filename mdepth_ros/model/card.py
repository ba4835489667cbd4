# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The model card: what a model file says about itself, and its strict JSON form."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import msgspec

from mdepth_ros import limits
from mdepth_ros.errors import MdepthError, shown
from mdepth_ros.limits import LARGEST_FACTOR
from mdepth_ros.networks import NetworkConfig
from mdepth_ros.texts import TextError, parse_json

FORMAT = 1
SCALE_SPREAD = 'scale spread'


class ModelFileError(MdepthError):
    """A model file, or a card, that cannot be used; the message names the file."""


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a model file says about itself.

    name             of the model
    network          what the weights belong to
    input_size       (height, width) of the network's images in pixels, multiples of 32
    camera           (fx/w, fy/h, cx, cy) of the training camera, `Camera.normalised`
    frame_interval   seconds between the two frames of a pair, as trained
    metres_per_unit  metres in one unit of depth and translation; None: the scale is unknown
    method           how it was trained, in words
    data             on what
    seed             of the training run
    metrics          name -> value, on what `details` says
    licence          of the weights
    motion_noise     (relative translation, rotation in rad): one standard deviation per pair
    calibration      what `mdepth calibrate` measured, by name: the noise of the motion, and
                     'scale spread', see `scale_spread`
    details          anything else, name -> text

    Raises MdepthError for values that cannot be right.
    """

    name: str
    network: NetworkConfig
    input_size: tuple[int, int]
    camera: tuple[float, float, float, float]
    frame_interval: float
    metres_per_unit: float | None = None
    method: str
    data: str
    seed: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    licence: str
    motion_noise: tuple[float, float] | None = None
    calibration: dict[str, float] = field(default_factory=dict)
    details: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        limits.check_input_size(*self.input_size, 'the card has input_size')
        for value in self.camera[:2]:
            _within('a focal length', value, limits.FOCAL)
        for value in self.camera[2:]:
            _within('an image centre', value, limits.CENTRE)
        _within('frame_interval', self.frame_interval, limits.FRAME_INTERVAL)
        if self.metres_per_unit is not None:
            _within('metres_per_unit', self.metres_per_unit, (1 / LARGEST_FACTOR, LARGEST_FACTOR))
        for value in self.motion_noise or ():
            _within('motion_noise', value, (0.0, LARGEST_FACTOR))
        for name, value in self.calibration.items():
            low = 0.0 if name == SCALE_SPREAD else -LARGEST_FACTOR
            _within(f'a calibration {name}', value, (low, LARGEST_FACTOR))
        for name, value in self.metrics.items():
            if not math.isfinite(value):
                raise ModelFileError(f'the card has a metric {name} that is {value}')

    @property
    def scale_spread(self) -> float:
        """Relative std of metres_per_unit from drive to drive; 0 where it was not measured."""
        return self.calibration.get(SCALE_SPREAD, 0.0)

    def to_json(self) -> str:
        """The card as text; equal cards give equal text."""
        values = {'format': FORMAT, **asdict(self)}
        if not self.calibration:
            del values['calibration']
        return json.dumps(values, sort_keys=True, ensure_ascii=False)

    @staticmethod
    def from_json(text: str) -> ModelCard:
        """Read `to_json`'s text; raises ModelFileError for anything else, naming the entry."""
        if len(text) > limits.LARGEST_CARD:
            raise ModelFileError(f'the model card has {len(text):,} characters: it is none')
        try:
            values = parse_json(text)
            version = values.pop('format', None) if isinstance(values, dict) else None
            if version != FORMAT:
                raise ModelFileError(
                    f'the model card has format {version} and this version of mdepth reads '
                    f'format {FORMAT}: use the version that wrote it'
                )
            values.setdefault('calibration', {})
            if isinstance(network := values.get('network'), dict):
                network.setdefault('motion', 'resnet')  # older cards do not say these
                network.setdefault('decoder', 'plain')
            return _converted(values)
        except TextError as error:
            raise ModelFileError(
                f'the model card cannot be read: {error}; '
                'was it written by another program, or is the file damaged?'
            ) from None

    def rows(self) -> list[tuple[str, str]]:
        """(label, text) of every entry, for printing."""
        height, width = self.input_size
        fx, fy, cx, cy = self.camera
        view = math.degrees(math.atan(cx / fx) + math.atan((1 - cx) / fx))
        net = self.network
        cues = 'without cues'
        if net.cues:
            cues = 'IDCE, gated' if net.cues_gate else 'IDCE'
        attention = net.attention
        if attention not in ('none', 'channel'):
            attention = f'HAM, {attention}'
        noise = 'unknown'
        if self.motion_noise is not None:
            noise = f'{self.motion_noise[0]:.1%}, {math.degrees(self.motion_noise[1]):.3f} deg'
        metres = 'unknown'
        if self.metres_per_unit is not None:
            metres = f'{self.metres_per_unit:g}'
            if self.scale_spread:
                metres += f', {self.scale_spread:.1%} from drive to drive'
        return [
            ('name', self.name),
            ('encoder', f'{net.encoder}, width {net.width:g}'),
            ('decoder', net.decoder),
            ('cues', cues),
            ('attention', attention),
            ('input size', f'{width} x {height}'),
            ('camera, normalised', f'fx {fx:.4f}  fy {fy:.4f}  cx {cx:.4f}  cy {cy:.4f}'),
            (
                'camera at input size',
                f'fx {fx * width:.1f}  fy {fy * height:.1f}  '
                f'cx {cx * width - 0.5:.1f}  cy {cy * height - 0.5:.1f} px',
            ),
            ('horizontal field of view', f'{view:.1f} deg'),
            ('frame interval', f'{self.frame_interval:g} s'),
            ('depth range', f'{net.depth_range[0]:g} .. {net.depth_range[1]:g} units'),
            ('metres per unit', metres),
            ('motion noise per pair', noise),
            ('calibration', f'{len(self.calibration)} values' if self.calibration else 'none'),
            ('method', self.method),
            ('data', self.data),
            ('seed', 'none' if self.seed is None else str(self.seed)),
            *((f'metric {name}', f'{value:g}') for name, value in sorted(self.metrics.items())),
            ('licence', self.licence),
            *sorted(self.details.items()),
        ]


def _converted(values: object) -> ModelCard:
    """Parsed JSON as a card, strictly: a text is no number. Raises TextError with the entry."""
    _check_names(values, ModelCard, 'card')
    try:
        return msgspec.convert(values, ModelCard)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).replace('`', '').partition(' - at $')
        raise TextError(f'card{place}: {shown(problem)}') from None


def _check_names(values: object, kind: Any, name: str) -> None:
    """Every entry must be there, also one with a default, and no other: msgspec lets both pass."""
    if not isinstance(values, dict):
        return  # msgspec says what it is instead
    known = [entry.name for entry in fields(kind)]
    if unknown := [key for key in values if key not in known]:
        raise TextError(
            f'{name} has the unknown entry {shown(unknown[0])}: choose from {", ".join(known)}'
        )
    if missing := [key for key in known if key not in values]:
        raise TextError(f'{name} lacks {", ".join(missing)}')
    if kind is ModelCard:
        _check_names(values['network'], NetworkConfig, 'card.network')


def _within(name: str, value: float, allowed: tuple[float, float]) -> None:
    low, high = allowed
    if not low <= value <= high:
        raise ModelFileError(
            f'the card has {name} {value:g}: it must be {low:g} to {high:g}; '
            'was it written by another program, or is the file damaged?'
        )
