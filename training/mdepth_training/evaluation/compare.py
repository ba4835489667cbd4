# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames as two models see them, with what labels and truth say of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mdepth_ros.core.types import Frame
from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import Camera
from mdepth_ros.limits import SCORED
from mdepth_ros.sources.folder import read_image
from mdepth_ros.synthetic import WorldConfig
from mdepth_training.data import Drive, Key, open_drives
from mdepth_training.evaluation.predict import Predictor, positions
from mdepth_training.evaluation.shots import Array, Shot, with_neighbours
from mdepth_training.evaluation.synthetic import held_out
from mdepth_training.labels import LabelStore

SHOWN = ('instances', 'dynamic', 'depth_label', 'flow_previous')
"""Labels that are drawn; those of the stages of dynamic regions."""


@dataclass(frozen=True, eq=False)
class Seen:
    """One frame in the view [h, w] of the later model; NaN is unknown.

    image   [h, w, 3] RGB
    before, after, truth  depth over its median, the median over the pixels that all of them know
    moves   int [h, w], what moves: by the labels, ids or 1; None without these
    moving  bool [h, w], what moves by the truth; None without it
    label   depth over its median, of the labels
    motion  flow [2, h, w] of the labels, in their pixels
    """

    key: Key
    image: Array
    before: Array
    after: Array
    truth: Array | None = None
    moves: Array | None = None
    moving: Array | None = None
    label: Array | None = None
    motion: Array | None = None

    @property
    def change(self) -> Array:
        """How often the depth was doubled, before to after; -1: halved."""
        return np.log2(self.after / self.before)

    @property
    def amount(self) -> float:
        """The mean size of the change: of what moves where that is known, else of all."""
        change = np.abs(self.change)
        for mask in (self.moves, self.moving):
            if mask is not None and (mask > 0).any():
                change = change[mask > 0]
                break
        return float(np.nanmean(change)) if np.isfinite(change).any() else 0.0


@dataclass(frozen=True, eq=False)
class Reel:
    """The frames of one drive: what it is called, its stamps (ns), and the shots in order."""

    name: str
    stamps: Sequence[int]
    shots: Iterable[Shot]

    @property
    def keys(self) -> list[Key]:
        """The frames as label stores know them."""
        return [Key(self.name, number, stamp) for number, stamp in enumerate(self.stamps)]


@dataclass
class Labels:
    """What label stores say of some frames; each label is of the first store that has it.

    Raises MdepthError for a store without labels that are drawn, or without any of the frames.
    """

    paths: Sequence[Path]
    keys: Sequence[Key]
    _found: dict[str, tuple[LabelStore, set[Key]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in self.paths:
            store = LabelStore.open(path)
            names = [name for name in SHOWN if name in store.kinds]
            if not names:
                raise MdepthError(
                    f'{path} has {", ".join(store.kinds)}: what is drawn is {", ".join(SHOWN)}'
                )
            there = set(self.keys) - set(store.missing(self.keys, names))
            if not there:
                drives = ', '.join(dict.fromkeys(key.drive for key in self.keys))
                raise MdepthError(f'{path} has no label of {drives}: give what was labelled')
            for name in names:
                self._found.setdefault(name, (store, there))

    @property
    def names(self) -> Collection[str]:
        """The labels that some frame has."""
        return self._found.keys()

    def of(self, key: Key, shown: Camera) -> dict[str, Array]:
        """The labels [C, h, w] of a frame, in a view; none of a frame that has none."""
        maps = {}
        for name, (store, there) in self._found.items():
            if key in there:
                drive, kind = store.drive(key.drive), store.kinds[name]
                assert drive is not None
                view = drive.view or shown.normalised
                camera = Camera.from_normalised(*kind.size[::-1], *view)
                maps[name] = in_view(store.read(key, [name])[name], camera, shown)
        return maps


def in_view(maps: Array, camera: Camera, shown: Camera) -> Array:
    """Maps [..., H, W] of a pinhole camera as another at the same place sees them.

    The nearest pixel counts; outside of the view numbers are NaN, ids and masks 0.
    """
    height, width = maps.shape[-2:]
    place = np.indices((shown.height, shown.width)).reshape(2, -1)
    u, v = np.rint(positions(camera, shown, *place)).astype(int).T
    inside = (u >= 0) & (u < width) & (v >= 0) & (v < height)
    outside = np.nan if maps.dtype.kind == 'f' else 0
    found = np.where(inside, maps[..., v.clip(0, height - 1), u.clip(0, width - 1)], outside)
    return found.astype(maps.dtype).reshape(*maps.shape[:-2], shown.height, shown.width)


def see(models: Sequence[Predictor], shot: Shot, labels: Labels) -> Seen:
    """One frame as two models see it: the first is before, the second after."""
    (first, _), (last, _) = (model(shot) for model in models)
    shown, key = last.camera, Key(shot.drive, int(shot.name), shot.frame.stamp)
    before = in_view(np.where(first.visible, first.depth, np.nan), first.camera, shown)
    after = np.where(last.visible, last.depth, np.nan)
    maps, truth, moving = labels.of(key, shown), None, None
    known = np.isfinite(before) & np.isfinite(after)
    if shot.truth is not None and shot.camera is not None:
        truth = in_view(shot.truth, shot.camera, shown)
        truth = np.where((truth > SCORED[0]) & (truth < SCORED[1]), truth, np.nan)
        known &= np.isfinite(truth)
        moving = None if shot.moving is None else in_view(shot.moving, shot.camera, shown)

    def over_median(depth: Array) -> Array:
        there = depth[known & np.isfinite(depth)]
        return depth / np.median(there) if len(there) else np.full_like(depth, np.nan)

    moves, label = maps.get('instances', maps.get('dynamic')), maps.get('depth_label')
    return Seen(
        key,
        last.image,
        over_median(before),
        over_median(after),
        None if truth is None else over_median(truth),
        None if moves is None else moves[0].astype(int),
        moving,
        None if label is None else over_median(label[0].astype(np.float32)),
        maps.get('flow_previous'),
    )


def recorded(data: Sequence[Path], cache: Path, models: Sequence[Predictor]) -> list[Reel]:
    """The drives of recordings that `fit` reads; bags and videos are extracted into `cache`."""
    size = max(model.card.input_size for model in models)
    interval = models[-1].card.frame_interval
    drives = open_drives(data, cache=cache, input_size=size, frame_interval=interval)
    return [
        Reel(drive.name, drive.stamps, with_neighbours(_shots(drive), interval))
        for drive in drives
    ]


def rendered(seeds: Sequence[int], frames: int, world: WorldConfig, camera: Camera) -> list[Reel]:
    """Drives of the synthetic world, called as those that a model learns from."""
    stamps = [round(1e9 * world.frame_interval) * number for number in range(frames)]
    return [
        Reel(f'synthetic-{seed}', stamps, held_out(camera, world, [seed], frames))
        for seed in seeds
    ]


def _shots(drive: Drive) -> Iterator[Shot]:
    """The images of a drive that can be read, without the vehicle itself at the bottom."""
    camera, rows = drive.camera, round(drive.camera.height * drive.kept_rows)
    if rows < camera.height:
        camera = camera.pinhole().cropped(0, 0, camera.width, rows)
    for number, (file, stamp) in enumerate(zip(drive.images, drive.stamps, strict=True)):
        try:
            image = read_image(file)
        except MdepthError:
            continue  # as in training: a damaged image costs itself
        yield Shot(str(number), Frame(stamp, image[:rows], camera), drive=drive.name)
