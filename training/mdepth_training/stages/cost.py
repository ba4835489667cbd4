# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a stage costs: seconds of work, and bytes of labels. Its record keeps them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from mdepth_ros.errors import MdepthError
from mdepth_ros.model.checkpoint_import import read_plain
from mdepth_training.labels import LabelStore
from mdepth_training.run_folder import CHECKPOINT
from mdepth_training.stages.stage import Stage

MINUTE = 60.0


@contextlib.contextmanager
def counted(stage: Stage) -> Iterator[None]:
    """Add the seconds of this to those in the record of a stage, and say what came of them.

    The record has them every minute, so that little is lost where the process is killed.
    """
    before, began = float(stage.record().get('seconds', 0.0)), time.monotonic()
    over = threading.Event()

    def note(**made: int) -> None:
        stage.note(seconds=round(before + time.monotonic() - began, 2), **made)

    def watch() -> None:
        with contextlib.suppress(OSError):
            while not over.wait(MINUTE):
                note()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        note(**_made(stage))


def _made(stage: Stage) -> dict[str, int]:
    """Steps that it learned, or images that have labels and the bytes of these, up to now."""
    with contextlib.suppress(MdepthError):  # there is nothing yet
        if stage.kind == 'fit':
            return {'steps': int(read_plain(stage.folder / CHECKPOINT)['global_step'])}
        if stage.kind == 'labels':
            store = LabelStore.open(stage.made_labels)
            drives = [labels.values() for *_, labels in store.summary()]
            return {
                'images': sum(min(count for count, _ in labels) for labels in drives),
                'bytes': sum(size for labels in drives for _, size in labels),
            }
    return {}


def cost_of(stage: Stage) -> tuple[str, str]:
    """Seconds of its work; those of each image or step, with the KB of its labels, in words."""
    record = stage.record()
    seconds, size = record.get('seconds'), record.get('bytes')
    if seconds is None:
        return '', ''
    each = [
        f'{seconds / record[f"{what}s"]:.3g} s/{what}'
        for what in ('step', 'image')
        if record.get(f'{what}s')
    ]
    if each and size is not None:
        each.append(f'{size / record["images"] / 1e3:.1f} KB/image')
    return f'{seconds:,.0f}', ', '.join(each)
