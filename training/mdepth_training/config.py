# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One experiment as typed values: read from YAML, overridden on the command line, saved."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, is_dataclass
from math import inf
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import yaml

from mdepth_ros.errors import MdepthError
from mdepth_ros.networks import NetworkConfig


@dataclass(frozen=True)
class SyntheticData:
    """Drives of the synthetic world; only their images reach the training."""

    drives: int = 200
    frames: int = 32
    first_seed: int = 0
    appearance: float = 0.0
    moving: float = 1.0
    frame_interval: float = 0.1

    def __post_init__(self) -> None:
        _check('data.', self, drives=(1, inf), frames=(3, inf), appearance=(0, 1), moving=(0, 10))
        _check('data.', self, frame_interval=(1e-3, 10))


@dataclass(frozen=True)
class Training:
    """How the networks learn; the defaults are the ones of the small network."""

    steps: int = 6000
    # From this step on the cues (IDCE) take part; before it the baseline learns with HAM alone.
    joint_from: int = 2000
    batch_size: int = 8
    learning_rate: float = 1e-3
    # The rate falls to this share of itself along a cosine.
    final_rate: float = 0.05
    warm_up: int = 100
    smoothness: float = 1e-3
    # Weight of the change of translation between consecutive pairs, from `joint_from` on.
    steady_motion: float = 0.0
    # Share of the samples that see their frame twice, and of those that get no cues.
    duplicated: float = 0.15
    dropped_cues: float = 0.15
    colour: float = 0.2
    hue: float = 0.1
    seed: int = 0
    precision: Literal['auto', 'fp32', 'bf16', 'fp16'] = 'auto'
    save_every: int = 250

    def __post_init__(self) -> None:
        _check('training.', self, steps=(1, inf), joint_from=(0, inf), batch_size=(1, inf))
        _check('training.', self, learning_rate=(1e-9, 1), final_rate=(0, 1), warm_up=(1, inf))
        _check('training.', self, smoothness=(0, 1e3), duplicated=(0, 1))
        _check('training.', self, dropped_cues=(0, 1), steady_motion=(0, 1e3))
        _check('training.', self, colour=(0, 1), hue=(0, 0.5), save_every=(1, inf))


@dataclass(frozen=True)
class Experiment:
    """Everything that decides what a run learns."""

    name: str = 'experiment'
    # Height and width of the network's input, and the camera as fx/W, fy/H, (cx+.5)/W, (cy+.5)/H.
    input_size: tuple[int, int] = (96, 320)
    camera: tuple[float, float, float, float] = (0.58, 1.92, 0.5, 0.5)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    data: SyntheticData = field(default_factory=SyntheticData)
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        if not self.name or set(self.name) & set('/\\'):
            raise MdepthError(f'name {self.name!r}: it names the model file, so give a plain word')
        height, width = self.input_size
        if height % 32 or width % 32 or min(height, width) < 64:
            raise MdepthError(
                f'input_size {height}, {width}: height and width must be multiples of 32, from 64'
            )
        triplets = self.data.drives * (self.data.frames - 2)
        if triplets < self.training.batch_size:
            raise MdepthError(
                f'training.batch_size is {self.training.batch_size}, but there are only '
                f'{triplets} triplets: lower it, or raise data.drives or data.frames'
            )


def _check(where: str, settings: Any, **ranges: tuple[float, float]) -> None:
    for name, (low, high) in ranges.items():
        value = getattr(settings, name)
        if not low <= value <= high:
            raise MdepthError(f'{where}{name} is {value}: it must be in {low:g}..{high:g}')


def load_experiment(path: Path, overrides: list[str] | None = None) -> Experiment:
    """Read an experiment; overrides look like `training.steps=100`.

    Raises MdepthError for a missing file, an unknown key or a value of the wrong type.
    """
    try:
        values = yaml.safe_load(path.read_text()) or {}
    except OSError as error:
        raise MdepthError(f'cannot read the configuration {path}: {error.strerror}') from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MdepthError(f'{path} is not YAML: {str(error).splitlines()[0]}') from error
    if not isinstance(values, dict):
        raise MdepthError(f'{path} must be a mapping of names to values')
    for override in overrides or []:
        key, equals, value = override.partition('=')
        if not equals:
            raise MdepthError(f'{override!r} sets nothing: write it as training.steps=100')
        *parents, last = key.split('.')
        node = values
        try:
            for parent in parents:
                node = node.setdefault(parent, {})
            node[last] = yaml.safe_load(value)
        except (AttributeError, TypeError, yaml.YAMLError):
            raise MdepthError(f'cannot set {override!r}: write it as training.steps=100') from None
    return _build(Experiment, values, '')  # type: ignore[no-any-return]


def save_experiment(experiment: Experiment, path: Path) -> None:
    """Write the resolved experiment as YAML, so that the same run can be made again."""
    path.write_text(yaml.safe_dump(_plain(asdict(experiment)), sort_keys=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _build(kind: Any, values: Any, where: str) -> Any:
    """Make the dataclass `kind` of nested plain values, strictly."""
    if not isinstance(values, dict):
        raise MdepthError(f'{where or "the configuration"} must be a mapping of names to values')
    hints = get_type_hints(kind)
    known = {item.name for item in fields(kind)}
    if unknown := sorted(set(values) - known):
        raise MdepthError(
            f'unknown setting {where}{unknown[0]}: choose from {", ".join(sorted(known))}'
        )
    built = {}
    for name, value in values.items():
        hint = hints[name]
        if is_dataclass(hint):
            built[name] = _build(hint, value, f'{where}{name}.')
        else:
            built[name] = _convert(hint, value, where + name)
    return kind(**built)


def _convert(hint: Any, value: Any, where: str) -> Any:
    if get_origin(hint) is tuple and isinstance(value, (list, tuple)):
        kinds = get_args(hint)
        if len(kinds) == len(value):
            return tuple(_convert(k, v, where) for k, v in zip(kinds, value, strict=True))
    elif hint is float and isinstance(value, (int, float, str)) and not isinstance(value, bool):
        try:
            return float(value)  # YAML reads 1e-3 as a string
        except ValueError:
            pass
    elif get_origin(hint) is None and isinstance(hint, type):
        if isinstance(value, hint) and isinstance(value, bool) == (hint is bool):
            return value
    elif value in get_args(hint):  # a Literal
        return value
    wanted = hint.__name__ if get_origin(hint) is None else str(hint).replace('typing.', '')
    raise MdepthError(f'{where} cannot be {value!r}: it must be {wanted}')
