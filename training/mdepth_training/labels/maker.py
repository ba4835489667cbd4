# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What makes labels of all frames of a source, and the loop that writes them into a store."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.progress import track
from torch import Tensor

from mdepth_ros.core.machine import choose_device
from mdepth_ros.terminal import say
from mdepth_training.data import Key, Sample, TripletSource, make_loader, plain_errors
from mdepth_training.labels.kind import Kind
from mdepth_training.labels.origin import identity_of, make_origin
from mdepth_training.labels.store import LabelStore
from mdepth_training.machine import share_cores


@dataclass(frozen=True)
class LabelMaker:
    """What makes labels; a method gives one for a stage (`Method.makers`).

    kinds    of the labels, by name
    maps     a batch on the device, its images as float32 in 0..1 -> each label [B, C, H, W]
    reads    labels of the stage's stores that each batch has
    begin    looks at all frames before the first batch; MdepthError where nothing can be made
    looks    the same frames as `maps` sees them, after `begin`: other images, of another size
    remarks  lines for a person when all is done
    origin   what decides the maps beside settings and inputs, such as weights from elsewhere
    """

    kinds: Mapping[str, Kind]
    maps: Callable[[Sample], Mapping[str, Tensor]]
    reads: Sequence[str] = ()
    begin: Callable[[TripletSource], None] = lambda _: None
    looks: Callable[[TripletSource], TripletSource] = lambda source: source
    remarks: Callable[[], Sequence[str]] = tuple
    origin: Mapping[str, Any] = field(default_factory=dict)


def write_labels(
    maker: LabelMaker,
    source: TripletSource,
    path: Path,
    made_by: Mapping[str, Any],
    command: str,
    *,
    what: str,
    batch_size: int,
    workers: int,
    end: float | None = None,
) -> bool:
    """Write the labels of all frames that do not have them yet; True where all have.

    made_by  arguments of `make_origin`, but for the data
    what     is made, for the progress
    end      seconds of time.time

    A frame whose images cannot be read gets labels in which all is unknown; training does not see
    it. Raises MdepthError; what is written stays, and the same call goes on.
    """
    maker.begin(source)
    frames = source.drive_frames()
    data = identity_of({drive: of_drive.stamps for drive, of_drive in frames.items()})
    origin = make_origin(**made_by, **maker.origin, data=data)
    store = LabelStore.create(path, maker.kinds, origin, command)
    for drive, of_drive in frames.items():
        store.add_drive(drive, of_drive.stamps, of_drive.view)
    keys = source.frame_keys()
    missing = set(store.missing(keys))
    todo = [index for index, key in enumerate(keys) if key in missing]
    share_cores(workers)
    device = choose_device('auto')
    batches = [todo[first : first + batch_size] for first in range(0, len(todo), batch_size)]
    with torch.no_grad(), plain_errors():
        loader = make_loader(maker.looks(source), batches, workers)
        for sample in track(loader, what, len(batches), disable=not batches):
            if end is not None and time.time() > end:
                return False
            maps = maker.maps(sample.on(device)) if sample.keys else {}
            for place, key in enumerate(sample.keys):
                store.write(key, {name: of_all[place] for name, of_all in maps.items()})
    _fill(store, store.missing(keys))
    for line in maker.remarks():
        say(line)
    return True


def _fill(store: LabelStore, unread: Sequence[Key]) -> None:
    """Write labels without knowledge for frames that could not be read, and say so."""
    unknown = {
        name: np.full(kind.shape, np.nan if np.dtype(kind.dtype).kind == 'f' else 0, kind.dtype)
        for name, kind in store.kinds.items()
    }
    for key in unread:
        store.write(key, unknown)
    if unread:
        key = unread[0]
        say(
            f'images of {len(unread)} frames could not be read, the first of frame {key.frame} of '
            f'{key.drive}: their labels are unknown'
        )
