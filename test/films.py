# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small videos with any times: Matroska with JPEG images, written byte by byte (RFC 9559)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np


def _element(identifier: str, content: bytes) -> bytes:
    return bytes.fromhex(identifier) + struct.pack('>Q', len(content) | 1 << 56) + content


def _number(identifier: str, value: int) -> bytes:
    return _element(identifier, struct.pack('>Q', value))


def write_film(
    path: Path, times: Sequence[int], images: Sequence[np.ndarray], claimed: float | None = None
) -> Path:
    """Write RGB images with their times in ms; `claimed` is the rate that the header tells."""
    height, width = images[0].shape[:2]
    header = _element('4282', b'matroska') + _number('4287', 4) + _number('4285', 2)
    info = _element('1549A966', _number('2AD7B1', 1_000_000))  # times are in ms
    track = _number('D7', 1) + _number('73C5', 1) + _number('83', 1) + _element('86', b'V_MJPEG')
    if claimed is not None:
        track += _number('23E383', round(1e9 / claimed))
    track += _element('E0', _number('B0', width) + _number('BA', height))
    clusters = b''
    for time, image in zip(times, images, strict=True):
        data = cv2.imencode('.jpg', image[..., ::-1])[1].tobytes()
        block = b'\x81' + struct.pack('>hB', 0, 0x80) + data
        clusters += _element('1F43B675', _number('E7', time) + _element('A3', block))
    segment = info + _element('1654AE6B', _element('AE', track)) + clusters
    path.write_bytes(_element('1A45DFA3', header) + _element('18538067', segment))
    return path


def write_mp4(
    path: Path, images: Sequence[np.ndarray], rate: float = 20.0, fourcc: str = 'mp4v'
) -> Path:
    """Write RGB images as an MP4, or what the suffix says, of a constant rate."""
    height, width = images[0].shape[:2]
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*fourcc), rate, (width, height))
    for image in images:
        video.write(np.ascontiguousarray(image[..., ::-1]))
    video.release()
    return path


def turn_mp4(path: Path, matrix: Sequence[int]) -> Path:
    """Let players turn an MP4: a, b, c, d of the matrix in its tkhd (ISO 14496-12, 8.3.2)."""
    data = bytearray(path.read_bytes())
    place = data.index(b'tkhd') + 4 + 40
    for offset, value in zip((0, 4, 12, 16), matrix, strict=True):
        struct.pack_into('>i', data, place + offset, value << 16)
    path.write_bytes(bytes(data))
    return path
