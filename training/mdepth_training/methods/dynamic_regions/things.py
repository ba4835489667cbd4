# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Single things of a batch: where they are in three frames, and images of one thing each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from mdepth_ros.errors import MdepthError
from mdepth_ros.geometry import project_depth, splat_ids
from mdepth_ros.terminal import say
from mdepth_training.data.sample import Sample
from mdepth_training.labels import LabelStore, StoredDrive
from mdepth_training.run_folder import is_first_process

IDS = 256
"""Ids are of 8 bits; 0 is no thing."""


@dataclass(frozen=True)
class Things:
    """N things: the sample [N] that each is of, its id [N], masks bool [N, 1, H, W] of 3 frames.

    Where a batch has none, it is one whose masks are empty: every process makes the same steps.
    """

    places: Tensor
    ids: Tensor
    current: Tensor
    previous: Tensor
    following: Tensor

    def images(self, sample: Sample) -> Sample:
        """One sample for each thing: black but for the thing (Eq. 11-12)."""
        return replace(
            sample,
            previous=sample.previous[self.places] * self.previous,
            current=sample.current[self.places] * self.current,
            following=sample.following[self.places] * self.following,
            K=sample.K[self.places],
            stereo=None,
            T_stereo_current=None,
            labels={},
        )

    @property
    def none(self) -> bool:
        """Whether there is no thing."""
        return not bool(self.ids.any())


def things_of(
    current: Tensor, previous: Tensor, following: Tensor, least: float, how: str = 'all'
) -> Things:
    """The things of a batch, whose ids [B, 1, H, W] are those of `current`.

    least  smallest share of the image, in all three frames; 0: the current one must show it
    how    all of them, or one of each sample, drawn by chance
    """
    maps = (current, previous, following)
    areas = torch.stack([_areas(ids) for ids in maps])
    usable = (areas[0] > 0) & (areas.amin(0) >= least * current[0].numel())
    usable[:, 0] = False
    if how == 'one':
        chance = torch.rand(usable.shape).to(usable.device) * usable
        drawn = torch.zeros_like(usable).scatter_(1, chance.argmax(1, keepdim=True), True)
        usable &= drawn
    if not usable.any():
        usable[0, 0] = True
    places, ids = usable.nonzero().unbind(1)
    wanted = ids[:, None, None, None]
    masks = [(of_frame[places].long() == wanted) & (wanted > 0) for of_frame in maps]
    return Things(places, ids, *masks)


def _areas(ids: Tensor) -> Tensor:
    """Pixels of each id [B, 256]."""
    return torch.stack([torch.bincount(one.flatten().long(), minlength=IDS) for one in ids])


@torch.no_grad()
def seen_from(ids: Tensor, depth: Tensor, T: Tensor, K: Tensor, flow: Tensor) -> Tensor:
    """Ids [B, H, W] as another view sees them, the nearer one where two overlap (Eq. 11).

    depth [B, H, W], T_view_current [B, 4, 4], K [B, 3, 3]; flow [B, 2, H, W] is what each pixel
    moves by itself in that view, in pixels.
    """
    _, z = project_depth(depth, T, K)
    focal = torch.stack([K[:, 0, 0], K[:, 1, 1]], 1)[..., None, None]
    shift = flow * z[:, None] / focal  # a translation parallel to the image
    shift = torch.cat([shift, torch.zeros_like(shift[:, :1])], 1)
    return splat_ids(ids, depth, T, K, shift)


Maps = Mapping[str, Tensor]


def require_things(stores: Sequence[str], names: Sequence[str], least: float, mend: str) -> None:
    """Raise MdepthError where no frame of the label stores has a thing that can be learned from.

    names  of the ids that count (the first ones), then of those in the two other frames
    mend   what a person does about it
    """
    *own, previous, following = names

    def usable(maps: Maps, _: StoredDrive) -> bool:
        ids = torch.stack([maps[name] for name in own]).amax(0)
        return not things_of(ids, maps[previous], maps[following], least).none

    if (store := without(stores, names, usable)) is not None:
        raise MdepthError(f'{store} has no usable {own[0]} in any frame: {mend}')


def require_some(stores: Sequence[str], name: str, mend: str) -> None:
    """Raise MdepthError where no frame of the label stores has any of this label."""
    if (store := without(stores, [name])) is not None:
        raise MdepthError(f'{store} has no {name} in any frame: {mend}')


def says_if_nothing_moves(stores: Sequence[str]) -> None:
    """Print a line where no frame of the label stores has anything `dynamic`."""
    if is_first_process() and (store := without(stores, ['dynamic'])) is not None:
        say(
            f'nothing moves in {store}: these labels teach nothing; give data with traffic, '
            'or a scene stage that learned longer'
        )


def any_at_all(maps: Maps, _: StoredDrive) -> bool:
    """Whether a label of a frame is not 0 everywhere."""
    return any(bool(of_frame.any()) for of_frame in maps.values())


def without(
    stores: Sequence[str],
    names: Sequence[str],
    some: Callable[[Maps, StoredDrive], bool] = any_at_all,
) -> Path | None:
    """The first store that has all these labels, if `some` is true of none of its frames.

    some  gets the labels of a frame, each [1, C, H, W], and its drive
    """
    opened = [LabelStore.open(Path(path).expanduser()) for path in stores]
    store = next((s for s in opened if set(names) <= s.kinds.keys()), None)
    if store is None:
        return None
    for drive in store.drives():
        for key in store.keys(drive.name):
            maps = {name: torch.from_numpy(m)[None] for name, m in store.read(key, names).items()}
            if some(maps, drive):
                return None
    return store.path
