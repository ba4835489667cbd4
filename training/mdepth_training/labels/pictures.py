# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Labels as pictures: a sheet of some frames, and a video of a drive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mdepth_ros.errors import MdepthError
from mdepth_training.data.sample import Key
from mdepth_training.labels.kind import Array, Kind
from mdepth_training.labels.store import LabelStore

Bgr = NDArray[np.uint8]
Scales = dict[str, tuple[float, float]]
Images = Callable[[Key], Bgr | None]
"""The image of a frame, in the view of its labels; None where it is not at hand."""
_WIDTH, _CAPTION, _GREY = 320, 22, 90
_SEEN = 16  # frames that decide the colours of all


def scales_of(store: LabelStore, keys: Sequence[Key]) -> Scales:
    """What the ends of the colours stand for: the same in all pictures of these frames.

    Depth: the disparities of 2 and 98 % of the pixels. Flow: 0 and the length of 98 %.
    """
    seen = [store.read(key) for key in _spread(keys, _SEEN)]
    scales = {}
    for name, kind in store.kinds.items():
        values: Array = np.stack([maps[name] for maps in seen]).astype(np.float32)
        if kind.what == 'flow':
            values = np.hypot(values[:, 0], values[:, 1])
        elif kind.what == 'depth':
            values = 1 / values
        known = values[np.isfinite(values)]
        low, high = np.percentile(known, (2, 98)) if known.size else (0.0, 1.0)
        low = 0.0 if kind.what == 'flow' else float(low)
        scales[name] = low, max(float(high), low + 1e-6)
    return scales


def colours(array: Array, kind: Kind, scale: tuple[float, float]) -> Bgr:
    """A map [C, H, W] -> BGR [H, W, 3]; unknown is grey. Of several channels the first is shown.

    Depth: red is near, blue is far. Flow: the hue is the direction (red: to the right), white is
    no motion. Ids: a colour each, black is none. Value: dark is small, yellow is large.
    """
    low, high = scale
    first = array[0]
    if kind.what == 'mask':
        return np.repeat(first[..., None].astype(np.uint8) * 255, 3, 2)
    if kind.what == 'ids':
        hue = (first.astype(np.int64) * 67 % 180).astype(np.uint8)  # 67: neighbours differ much
        some = np.where(first == 0, 0, 255).astype(np.uint8)
        return _from_hsv(hue, some, some)
    known = ~np.isnan(array if kind.what == 'flow' else first[None]).any(0)
    with np.errstate(divide='ignore'):
        value = 1 / first.astype(np.float32) if kind.what == 'depth' else first.astype(np.float32)
    if kind.what == 'flow':
        x, y = np.nan_to_num(array.astype(np.float32))
        strength = np.clip(np.hypot(x, y) / high, 0, 1) * 255
        angle = np.degrees(np.arctan2(y, x)) % 360 / 2
        image = _from_hsv(angle.astype(np.uint8) % 180, strength.astype(np.uint8), 255)
    else:
        share = np.clip((np.nan_to_num(value) - low) / (high - low), 0, 1)
        table = cv2.COLORMAP_TURBO if kind.what == 'depth' else cv2.COLORMAP_VIRIDIS
        image = np.asarray(cv2.applyColorMap((share * 255).astype(np.uint8), table))
    image[~known] = _GREY
    return image


def write_sheet(store: LabelStore, keys: Sequence[Key], path: Path, images: Images) -> None:
    """Write a picture of eight of these frames, a row each; the colours are those of a drive."""
    shown = _spread(keys, 8)
    scales = {d: scales_of(store, [k for k in keys if k[0] == d]) for d in {k[0] for k in shown}}
    rows = [np.hstack(_tiles(store, key, scales[key[0]], images)) for key in shown]
    if not cv2.haveImageWriter(str(path)) or not cv2.imwrite(str(path), np.vstack(rows)):
        raise MdepthError(
            f'{path} cannot be written: give a name in .png or .jpg, in a folder that is there'
        )


def write_video(store: LabelStore, keys: Sequence[Key], path: Path, images: Images) -> None:
    """Write all these frames of one drive, at their rate, as an .mp4 (or .avi)."""
    steps = np.diff([stamp for _, _, stamp in keys]) / 1e9
    rate = float(np.clip(1 / np.median(steps), 1, 60)) if len(steps) else 1.0
    codec = cv2.VideoWriter.fourcc(*('MJPG' if path.suffix.lower() == '.avi' else 'mp4v'))
    scales, writer = scales_of(store, keys), None
    for key in keys:
        picture = _grid(_tiles(store, key, scales, images))
        if writer is None:
            writer = cv2.VideoWriter(str(path), codec, rate, (picture.shape[1], picture.shape[0]))
        if not writer.isOpened():
            raise MdepthError(f'{path} cannot be written as a video: give a name in .mp4 or .avi')
        writer.write(picture)
    if writer is not None:
        writer.release()


def _tiles(store: LabelStore, key: Key, scales: Scales, images: Images) -> list[Bgr]:
    maps, number = store.read(key), key[1]
    sizes = [kind.size for kind in store.kinds.values() if kind.size != (1, 1)] or [(1, 4)]
    height = max(round(_WIDTH * max(rows / columns for rows, columns in sizes)), 1)

    def tile(picture: Bgr, rule: int, caption: str) -> Bgr:
        fit = np.asarray(cv2.resize(picture, (_WIDTH, height), interpolation=rule))
        bar = np.zeros((_CAPTION, _WIDTH, 3), np.uint8)
        white = (255, 255, 255)
        cv2.putText(bar, caption, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.42, white, 1, cv2.LINE_AA)
        framed = cv2.copyMakeBorder(fit, 0, 2, 0, 4, cv2.BORDER_CONSTANT, value=(_GREY,) * 3)
        return np.vstack([cv2.copyMakeBorder(bar, 0, 0, 0, 4, cv2.BORDER_CONSTANT), framed])

    image, tiles, where = images(key), [], f'{key[0][-16:]} {number}'
    if image is not None:
        tiles.append(tile(image, cv2.INTER_AREA, f'image of {where}'))
    for name, kind in store.kinds.items():
        low, high = scales[name]
        if kind.size == (1, 1):  # a vector: a stripe for each number
            kind, maps[name] = replace(kind, channels=1), maps[name].reshape(1, 1, -1)
        ends = {
            'depth': f' {1 / high:.3g} to {1 / low:.3g}' if low > 0 else f' from {1 / high:.3g}'
        }
        ends |= {'flow': f' to {high:.3g} px', 'value': f' {low:.3g} to {high:.3g}'}
        of = f' (1 of {kind.channels})' if kind.channels > 1 and kind.what != 'flow' else ''
        first = number if tiles else where
        caption = f'{first} {name}{of}{ends.get(kind.what, "")}'
        tiles.append(tile(colours(maps[name], kind, scales[name]), cv2.INTER_NEAREST, caption))
    return tiles


def _grid(tiles: list[Bgr]) -> Bgr:
    """Two columns, and a size that video codecs take."""
    tiles = tiles + [np.zeros_like(tiles[0])] * (len(tiles) % 2 if len(tiles) > 1 else 0)
    across = min(len(tiles), 2)
    rows = [np.hstack(tiles[first : first + across]) for first in range(0, len(tiles), across)]
    picture = np.vstack(rows)
    return np.ascontiguousarray(picture[: picture.shape[0] // 2 * 2])


def _spread(keys: Sequence[Key], count: int) -> list[Key]:
    places: Iterator[int] = map(int, np.linspace(0, len(keys) - 1, min(count, len(keys))))
    return [keys[place] for place in places]


def _from_hsv(hue: Array, saturation: Array, value: Array | int) -> Bgr:
    hsv = np.stack(np.broadcast_arrays(hue, saturation, np.uint8(value)), -1)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(hsv), cv2.COLOR_HSV2BGR))
