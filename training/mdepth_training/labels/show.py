# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a store holds, as a table, pictures and a video, and how fast it is read."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
from rich.table import Table

from mdepth_ros.errors import MdepthError
from mdepth_ros.sources.folder import read_image
from mdepth_ros.terminal import Console, print_rows, say
from mdepth_training.data.sample import Key
from mdepth_training.labels import pictures
from mdepth_training.labels.pictures import Images
from mdepth_training.labels.store import LabelStore
from mdepth_training.tiles import Bgr


def show_command(
    store: Path,
    sheet: Path | None,
    video: Path | None,
    drive: str | None,
    recording: Path | None,
    bench: bool,
) -> None:
    """Print the summary, then do what was asked for."""
    opened = LabelStore.open(store)
    _print_summary(opened)
    if not (sheet or video or bench):
        return
    names = [one.name for one in opened.drives() if drive in (None, one.name)]
    of_drives = [keys for keys in map(opened.keys, names) if keys]
    if not of_drives:
        which = f' of {drive}' if drive is not None else ''
        raise MdepthError(f'{store} has no frame{which} with all labels: see the table')
    every = [key for keys in of_drives for key in keys]
    with TemporaryDirectory() as cache:
        files = _files_of(recording, opened, Path(cache))
        images = _views_of(files)
        if sheet:
            pictures.write_sheet(opened, every, sheet, images)
            say(f'the sheet: {sheet}')
        if video:
            pictures.write_video(opened, of_drives[0], video, images)
            say(f'the video of {of_drives[0][0][0]}: {video}')
        if bench:
            _bench(opened, every, files)


def _print_summary(store: LabelStore) -> None:
    origin = {name: json.dumps(value, ensure_ascii=False) for name, value in store.origin.items()}
    print_rows([('labels', str(store.path)), *origin.items()])
    table = Table()
    for heading in ('drive', 'frames', *store.kinds, 'MiB'):
        table.add_column(heading, overflow='fold')
    for drive, frames, counts in store.summary():
        size = sum(total for _, total in counts.values()) / 2**20
        made = (f'{count}' if count < frames else 'all' for count, _ in counts.values())
        table.add_row(drive, str(frames), *made, f'{size:.1f}')
    shape = (f'{k.what} {k.dtype} {"x".join(map(str, k.shape))}' for k in store.kinds.values())
    table.add_section()
    table.add_row('kind', '', *shape, '')
    Console().print(table)
    about = [(name, k.description) for name, k in store.kinds.items() if k.description]
    print_rows(about)


def _files_of(recording: Path | None, store: LabelStore, cache: Path) -> dict[Key, Any]:
    """The image file of each frame of a recording, its camera and the view of the labels."""
    if recording is None:
        return {}
    from mdepth_training.data import open_drives
    from mdepth_training.data.resampling import drive_view

    size = max(kind.size for kind in store.kinds.values())
    found = {}
    for drive in open_drives([recording], cache=cache, input_size=size):
        view = drive_view(drive, size)
        for number, (file, stamp) in enumerate(zip(drive.images, drive.stamps, strict=True)):
            found[Key(drive.name, number, stamp)] = file, drive.camera, view
    if not any(key in found for drive in store.drives() for key in store.keys(drive.name)):
        raise MdepthError(f'{recording} has no frame of {store.path}: give what was labelled')
    return found


def _views_of(files: dict[Key, Any]) -> Images:
    from mdepth_training.data.resampling import resampled

    def image(key: Key) -> Bgr | None:
        if key not in files:
            return None
        file, camera, view = files[key]
        rgb = resampled(read_image(file), camera, view)
        return np.ascontiguousarray(rgb[::-1].transpose(1, 2, 0))

    return image


def _bench(store: LabelStore, keys: Sequence[Key], files: dict[Key, Any], most: int = 200) -> None:
    """Print medians of reading frames of the store and of decoding as many JPEGs."""
    cv2.setNumThreads(0)
    keys = [keys[int(place)] for place in np.linspace(0, len(keys) - 1, min(most, len(keys)))]
    jpegs = [files[key][0].read_bytes() for key in keys if key in files]
    what = "the recording's images"
    if not jpegs:
        what = 'JPEGs of the first label as a picture'
        name, kind = next(iter(store.kinds.items()))
        scale = pictures.scales_of(store, keys)[name]
        drawn = (pictures.colours(store.read(key)[name], kind, scale) for key in keys)
        jpegs = [cv2.imencode('.jpg', picture)[1].tobytes() for picture in drawn]

    def decode(place: int) -> Bgr:
        return np.asarray(cv2.imdecode(np.frombuffer(jpegs[place % len(jpegs)], np.uint8), 1))

    def reader(*names: str) -> Callable[[int], object]:
        return lambda place: store.read(keys[place], names)

    size = '{1}x{0}'.format(*decode(0).shape)
    reads: dict[str, Callable[[int], object]] = {
        f'decode {what} ({size})': decode,
        'read all labels': reader(*store.kinds),
    }
    reads |= {f'read {name}': reader(name) for name in store.kinds}
    medians = {}
    for label, read in reads.items():
        seconds = []
        for place in [*range(len(keys))] * 2:  # the first round warms the disk's cache
            began = time.perf_counter()
            read(place)
            seconds.append(time.perf_counter() - began)
        medians[label] = statistics.median(seconds[len(keys) :])
    table = Table(title=f'{len(keys)} frames, one process, medians')
    for heading in ('what', 'ms', 'of the JPEG'):
        table.add_column(heading)
    reference = next(iter(medians.values()))
    for label, median in medians.items():
        table.add_row(label, f'{1e3 * median:.3f}', f'{median / reference:.2f}')
    Console(highlight=False).print(table)
