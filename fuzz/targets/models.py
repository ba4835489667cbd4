# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Model files: the header of safetensors, the card in it, and the weights; files of torch.save."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import torch
from small_model import write_model

from fuzz.mutations import bytes_like, text_like, values_like
from fuzz.runner import Files, Target, sound
from mdepth_ros.model.checkpoint_import import from_imagenet, read_state
from mdepth_ros.model.file import load_model, read_card


@cache
def _seed() -> tuple[dict[str, Any], bytes]:
    """The header and the weights of a small model."""
    with tempfile.TemporaryDirectory() as name:
        content = write_model(Path(name) / 'a.safetensors').read_bytes()
    (length,) = struct.unpack_from('<Q', content)
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def _file(header: bytes, weights: bytes) -> bytes:
    return struct.pack('<Q', len(header)) + header + weights


def _make(rng: Random) -> Files:
    header, weights = _seed()
    meta = header['__metadata__']
    way = rng.randrange(5)
    if way == 0:  # the card's values
        card = values_like(rng, json.loads(meta['mdepth_card']))
        header = {**header, '__metadata__': {'mdepth_card': json.dumps(card)}}
    elif way == 1:  # the card's text
        card = text_like(rng, meta['mdepth_card']).decode('utf-8', 'replace')
        header = {**header, '__metadata__': {'mdepth_card': card}}
    elif way == 2:  # what the header says of the weights
        header = values_like(rng, header)
    elif way == 3:
        weights = bytes_like(rng, weights)
    content = _file(json.dumps(header).encode(), weights)
    return {'model.safetensors': bytes_like(rng, content) if way == 4 else content}


def _use(folder: Path, rng: Random) -> None:
    path = folder / 'model.safetensors'
    card = read_card(path)
    card.rows()
    network, card = load_model(path)
    sound(all(w.isfinite().all() for w in network.parameters()), 'weights that are not finite')


class _Trap:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path('trap'),))


@cache
def _saved() -> list[bytes]:
    contents = []
    values: tuple[Any, ...] = (
        {'conv1.weight': torch.ones(64, 3, 7, 7), 'epoch': 3},
        {'state_dict': {'layer1.0.conv1.weight': torch.ones(8, 8, 3, 3)}},
        torch.ones(3),
    )
    for value in values:
        for new in (True, False):
            file = io.BytesIO()
            torch.save(value, file, _use_new_zipfile_serialization=new)
            contents.append(file.getvalue())
    return [*contents, pickle.dumps({'a': _Trap()}), pickle.dumps(_Trap(), 0)]


@cache
def _swollen() -> bytes:
    """A file of torch.save whose weights were compressed: a megabyte of it becomes a gigabyte."""
    file, changed = io.BytesIO(), io.BytesIO()
    torch.save({'conv1.weight': torch.zeros(500_000_000, dtype=torch.uint8)}, file)
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(changed, 'w', zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    return changed.getvalue()


def _make_checkpoint(rng: Random) -> Files:
    if rng.random() < 0.02:
        return {'weights.pth': _swollen()}
    return {'weights.pth': bytes_like(rng, rng.choice(_saved()))}


def _use_checkpoint(folder: Path, rng: Random) -> None:
    read_state(folder / 'weights.pth')
    sound(not (folder / 'trap').exists(), 'code of a file was run')
    if rng.random() < 0.5:
        from_imagenet(folder / 'weights.pth')


TARGETS = {
    'model-file': Target(_make, _use),
    'checkpoint': Target(_make_checkpoint, _use_checkpoint),
}
