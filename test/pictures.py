# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures with headers made by hand: orientations, and sizes that no memory holds."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np

# What OpenCV must do to stored pixels so that they are seen as EXIF means it (CIPA DC-008, 274).
SEEN = {
    1: lambda a: a,
    2: lambda a: cv2.flip(a, 1),
    3: lambda a: cv2.rotate(a, cv2.ROTATE_180),
    4: lambda a: cv2.flip(a, 0),
    5: lambda a: cv2.transpose(a),
    6: lambda a: cv2.rotate(a, cv2.ROTATE_90_CLOCKWISE),
    7: lambda a: cv2.rotate(cv2.transpose(a), cv2.ROTATE_180),
    8: lambda a: cv2.rotate(a, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


def exif(orientation: int, order: str = '<') -> bytes:
    """The TIFF structure of EXIF with nothing but an orientation."""
    start = b'II*\0' if order == '<' else b'MM\0*'
    return start + struct.pack(f'{order}IHHHIHHI', 8, 1, 0x112, 3, 1, orientation, 0, 0)


def png_chunk(name: bytes, data: bytes) -> bytes:
    checksum = struct.pack('>I', zlib.crc32(name + data))
    return struct.pack('>I', len(data)) + name + data + checksum


def encoded(extension: str, pixels: np.ndarray) -> bytes:
    best = {'.jpg': [cv2.IMWRITE_JPEG_QUALITY, 100], '.webp': [cv2.IMWRITE_WEBP_QUALITY, 101]}
    return cv2.imencode(extension, pixels, best.get(extension, []))[1].tobytes()


def lying(
    kind: str, pixels: np.ndarray, orientation: int, order: str = '<', late: bool = False
) -> bytes:
    """A picture of grey [H, W] or BGR [H, W, 3] that says how it lies; late: behind the pixels."""
    note = exif(orientation, order)
    height, width = pixels.shape[:2]
    if kind == 'tiff':
        return tiff(pixels, orientation, order)
    data = encoded(f'.{kind}', pixels)
    if kind == 'jpg':
        note = b'Exif\0\0' + note
        return data[:2] + b'\xff\xe1' + struct.pack('>H', len(note) + 2) + note + data[2:]
    if kind == 'png':
        at = len(data) - 12 if late else 33
        return data[:at] + png_chunk(b'eXIf', note) + data[at:]
    assert kind == 'webp'
    size = struct.pack('<IHBHB', 8, width - 1, 0, height - 1, 0)
    note += b'\0' * (len(note) % 2)
    body = b'WEBP' + b'VP8X' + struct.pack('<I', 10) + size + data[12:]
    body += b'EXIF' + struct.pack('<I', len(note)) + note
    return b'RIFF' + struct.pack('<I', len(body)) + body


def tiff(pixels: np.ndarray, orientation: int = 1, order: str = '<', **changes: int) -> bytes:
    """An uncompressed TIFF in one strip; `changes` are values of tags: t256=30000."""
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    bits = pixels.itemsize * 8
    stored = pixels[..., ::-1] if channels == 3 else pixels
    data = stored.astype(stored.dtype.newbyteorder(order)).tobytes()
    start = (b'II*\0' if order == '<' else b'MM\0*') + struct.pack(f'{order}I', 8 + len(data) + 6)
    depths = struct.pack(f'{order}3H', bits, bits, bits)
    values = {
        256: width, 257: height, 258: bits if channels == 1 else 8 + len(data), 259: 1,
        262: 2 if channels == 3 else 1, 273: 8, 274: orientation, 277: channels, 278: height,
        279: len(data),
    }  # fmt: skip
    values |= {int(name[1:]): value for name, value in changes.items()}
    entries = b''
    for tag, value in sorted(values.items()):
        if tag == 258 and channels == 3:
            entries += struct.pack(f'{order}HHII', tag, 3, 3, value)
        else:
            entries += struct.pack(f'{order}HHII', tag, 4, 1, value) if tag != 274 else (
                struct.pack(f'{order}HHIHH', tag, 3, 1, value, 0)
            )  # fmt: skip
    count = struct.pack(f'{order}H', len(values))
    return start + data + depths + count + entries + struct.pack(f'{order}I', 0)


def huge(kind: str, width: int, height: int) -> bytes:
    """A picture of that size by its header; what follows is not worth decoding."""
    if kind == 'png':
        head = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
        parts = png_chunk(b'IHDR', head) + png_chunk(b'IDAT', zlib.compress(b'\0' * 64))
        return b'\x89PNG\r\n\x1a\n' + parts + png_chunk(b'IEND', b'')
    if kind == 'jpg':
        data = bytearray(encoded('.jpg', np.zeros((16, 16, 3), np.uint8)))
        at = data.index(b'\xff\xc0') + 5
        data[at : at + 4] = struct.pack('>HH', height, width)
        return bytes(data)
    if kind == 'bmp':
        data = bytearray(encoded('.bmp', np.zeros((4, 4, 3), np.uint8)))
        data[18:26] = struct.pack('<ii', width, -height)
        return bytes(data)
    if kind == 'tiff':
        return tiff(np.zeros((4, 4), np.uint8), t256=width, t257=height)
    if kind == 'webp':
        sides = (part for side in (width - 1, height - 1) for part in (side & 0xFFFF, side >> 16))
        body = b'WEBPVP8X' + struct.pack('<II', 10, 0) + struct.pack('<HBHB', *sides)
        return b'RIFF' + struct.pack('<I', len(body)) + body
    if kind == 'gif':
        return b'GIF89a' + struct.pack('<HH', width, height) + bytes(20)
    assert kind == 'ppm'
    return b'P6 # a remark\n%d %d\n255\n' % (width, height) + bytes(64)


def zeros_png(width: int, height: int) -> bytes:
    """A whole PNG of zeros, a thousandth of the memory that it takes."""
    squeeze = zlib.compressobj(1)
    rows = bytes((width + 1) * 100)
    data = b''.join(squeeze.compress(rows) for _ in range(height // 100)) + squeeze.flush()
    head = png_chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0))
    return b'\x89PNG\r\n\x1a\n' + head + png_chunk(b'IDAT', data) + png_chunk(b'IEND', b'')
