# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Image files, and folders of them with their stamps and cameras."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path
from random import Random

import cv2
import numpy as np

from fuzz.mutations import WORDS, bytes_like, text_like
from fuzz.runner import Files, Target, sound
from fuzz.targets.messages import sound_image
from fuzz.targets.texts import CAMERA, CAMERA_TEXT, TIMES
from mdepth_ros.sources import open_source
from mdepth_ros.sources.folder import read_image

KINDS = ('.png', '.jpg', '.bmp', '.tif', '.ppm', '.webp')
FRAMES = 3


@cache
def _seeds() -> dict[str, bytes]:
    picture = np.random.default_rng(0).integers(0, 255, (16, 24, 3), np.uint8)
    deep = np.random.default_rng(0).integers(0, 65535, (16, 24), np.uint16)
    found = {kind: cv2.imencode(kind, picture)[1].tobytes() for kind in KINDS}
    return found | {'.deep.png': cv2.imencode('.png', deep)[1].tobytes()}


def _header(rng: Random) -> bytes:
    """A small file that says it has very many pixels."""
    width, height = (rng.choice((1, 30_000, 65_535, 2**31 - 1)) for _ in range(2))
    if rng.random() < 0.5:
        return f'P6 {width} {height} 255\n'.encode() + bytes(30)
    data = bytearray(_seeds()['.png'])
    data[16:24] = width.to_bytes(4, 'big') + height.to_bytes(4, 'big')
    import zlib

    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, 'big')
    return bytes(data)


def _make(rng: Random) -> Files:
    kind = rng.choice(sorted(_seeds()))
    if rng.random() < 0.15:
        return {'image.png': _header(rng)}
    return {f'image{kind}': bytes_like(rng, _seeds()[kind])}


def _use(folder: Path, rng: Random) -> None:
    for file in folder.iterdir():
        sound_image(read_image(file))


def _make_folder(rng: Random) -> Files:
    numbers = [rng.choice((str(i), f'{i:06d}', '٣', '-1', '9' * 30, 'a', '²')) for i in range(4)]
    files = {f'{name}.png': _seeds()['.png'] for name in numbers}
    files[f'{rng.choice(("x", "zz[1]", "a b", chr(27)))}.png'] = rng.choice(
        (b'', _header(rng), bytes_like(rng, _seeds()['.png']))
    )
    camera, text = rng.choice((('camera.yaml', CAMERA), ('intrinsics.txt', CAMERA_TEXT)))
    files[camera] = text.encode() if rng.random() < 0.6 else text_like(rng, text)
    if rng.random() < 0.6:
        files['times.txt'] = text_like(rng, TIMES)
    if rng.random() < 0.3:
        rows = ''.join(f'{10**9 * i},{name}.png\n' for i, name in enumerate(numbers))
        files['data.csv'] = text_like(rng, rows)
    if rng.random() < 0.1:
        files[f'{rng.choice(("sub", "data"))}/0.png'] = rng.choice(WORDS).encode(
            'utf-8', 'surrogatepass'
        )
    return files


def _use_folder(folder: Path, rng: Random) -> None:
    source = open_source(folder, rate=rng.choice((None, None, 10.0)))
    for frame in itertools.islice(source, FRAMES):
        sound_image(frame.image)
        sound(np.isfinite(frame.camera.normalised).all(), 'a camera that is not finite')
        sound(frame.stamp >= 0, 'a stamp below zero')


TARGETS = {'image-file': Target(_make, _use), 'image-folder': Target(_make_folder, _use_folder)}
