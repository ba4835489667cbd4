# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Labels as pictures: a sheet of some frames, and a video of a drive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from mdepth_training import tiles
from mdepth_training.data.sample import Key
from mdepth_training.labels.kind import Array, Kind
from mdepth_training.labels.store import LabelStore
from mdepth_training.tiles import Bgr, colours_of_ids, from_hsv, spread, tile

Scales = dict[str, tuple[float, float]]
Images = Callable[[Key], Bgr | None]
"""The image of a frame, in the view of its labels; None where it is not at hand."""
_SEEN = 16  # frames that decide the colours of all


def scales_of(store: LabelStore, keys: Sequence[Key]) -> Scales:
    """What the ends of the colours stand for: the same in all pictures of these frames.

    Depth: the disparities of 2 and 98 % of the pixels. Flow: 0 and the length of 98 %.
    """
    seen = [store.read(key) for key in spread(keys, _SEEN)]
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
        return colours_of_ids(first)
    known = ~np.isnan(array if kind.what == 'flow' else first[None]).any(0)
    with np.errstate(divide='ignore'):
        value = 1 / first.astype(np.float32) if kind.what == 'depth' else first.astype(np.float32)
    if kind.what == 'flow':
        x, y = np.nan_to_num(array.astype(np.float32))
        strength = np.clip(np.hypot(x, y) / high, 0, 1) * 255
        angle = np.degrees(np.arctan2(y, x)) % 360 / 2
        image = from_hsv(angle.astype(np.uint8) % 180, strength.astype(np.uint8), 255)
    else:
        share = np.clip((np.nan_to_num(value) - low) / (high - low), 0, 1)
        table = cv2.COLORMAP_TURBO if kind.what == 'depth' else cv2.COLORMAP_VIRIDIS
        image = np.asarray(cv2.applyColorMap((share * 255).astype(np.uint8), table))
    image[~known] = tiles.GREY
    return image


def write_sheet(
    store: LabelStore,
    keys: Sequence[Key],
    path: Path,
    images: Images,
    own_colours: bool = False,
) -> None:
    """Write a picture of eight of these frames, a row each; the colours are those of a drive.

    own_colours  each frame has its own: for maps of which each has another factor
    """
    shown = spread(keys, 8)
    if own_colours:
        scales = {key: scales_of(store, [key]) for key in shown}
    else:
        drives = {key.drive for key in shown}
        of_drives = {d: scales_of(store, [k for k in keys if k.drive == d]) for d in drives}
        scales = {key: of_drives[key.drive] for key in shown}
    rows = [np.hstack(_tiles(store, key, scales[key], images)) for key in shown]
    tiles.write_sheet(path, rows)


def write_video(store: LabelStore, keys: Sequence[Key], path: Path, images: Images) -> None:
    """Write all these frames of one drive, at their rate, as an .mp4 (or .avi)."""
    scales = scales_of(store, keys)
    with tiles.video(path, [key.stamp for key in keys]) as add:
        for key in keys:
            add(tiles.grid(_tiles(store, key, scales, images)))


def _tiles(store: LabelStore, key: Key, scales: Scales, images: Images) -> list[Bgr]:
    maps, number = store.read(key), key[1]
    sizes = [kind.size for kind in store.kinds.values() if kind.size != (1, 1)] or [(1, 4)]
    height = max(round(tiles.WIDTH * max(rows / columns for rows, columns in sizes)), 1)
    image, shown, where = images(key), [], f'{key[0][-16:]} {number}'
    if image is not None:
        shown.append(tile(image, f'image of {where}', height, cv2.INTER_AREA))
    for name, kind in store.kinds.items():
        low, high = scales[name]
        if kind.size == (1, 1):  # a vector: a stripe for each number
            kind, maps[name] = replace(kind, channels=1), maps[name].reshape(1, 1, -1)
        ends = {
            'depth': f' {1 / high:.3g} to {1 / low:.3g}' if low > 0 else f' from {1 / high:.3g}'
        }
        ends |= {'flow': f' to {high:.3g} px', 'value': f' {low:.3g} to {high:.3g}'}
        of = f' (1 of {kind.channels})' if kind.channels > 1 and kind.what != 'flow' else ''
        first = number if shown else where
        caption = f'{first} {name}{of}{ends.get(kind.what, "")}'
        shown.append(tile(colours(maps[name], kind, scales[name]), caption, height))
    return shown
