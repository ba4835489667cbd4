# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What made the labels of a store: enough to refuse those of something else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from mdepth_ros.texts import parse_json
from mdepth_training.run_folder import code_version

Origin = dict[str, Any]


def make_origin(
    method: str, *, data: str, settings: Mapping[str, Any], model: Path | None = None, **more: Any
) -> Origin:
    """Describe what makes labels; the code is added.

    method    the method, stage or provider, by its name
    data      the data set: `identity_of` of its drives
    settings  all that changes the maps
    model     the file of the weights: what counts is its content
    more      anything else that makes a difference, such as the store that was read
    """
    weights = {} if model is None else {'model': hashlib.sha256(model.read_bytes()).hexdigest()}
    origin = {'method': method, 'data': data, 'settings': settings, 'code': code_version()}
    return as_json({**origin, **weights, **more})


def identity_of(stamps: Mapping[str, Sequence[int]]) -> str:
    """A data set by the stamps (ns) of its drives: another text where a frame differs."""
    digest = hashlib.sha256(
        json.dumps([[n, list(map(int, s))] for n, s in stamps.items()]).encode()
    )
    frames = sum(map(len, stamps.values()))
    return f'{len(stamps)} drives, {frames} frames, {digest.hexdigest()[:16]}'


def as_json(origin: Mapping[str, Any]) -> Origin:
    """An origin as it is read again from a file."""
    return dict(parse_json(json.dumps(origin, default=str)))


def differences(there: Any, here: Any, name: str = '') -> list[str]:
    """What differs between two origins, or other values of JSON, each in words."""
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        of_keys = (
            differences(there.get(key), here.get(key), f'{name}.{key}' if name else key)
            for key in {**here, **there}
        )
        return list(chain.from_iterable(of_keys))
    return [f'{name} is {_short(there)} there and {_short(here)} here'] * (there != here)


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f'{text[:57]}...'
