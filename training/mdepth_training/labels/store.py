# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A label store: maps of every frame of a data set, written by many processes without locks.

It is a folder in zarr format 2, so zarr, xarray and others read it: `zarr.open(STORE)` has a
group for each drive, in it `stamp` [N] int64 ns and each label [N, C, H, W], perhaps in steps and
smaller (`Kind.step`); a frame that nobody wrote is unknown there (NaN, 0). Each map is a file of
its own that comes whole or not at all, so any number of processes and machines write different
frames at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from mdepth_ros.errors import MdepthError
from mdepth_ros.texts import read_json
from mdepth_training.data.sample import Key
from mdepth_training.labels import files
from mdepth_training.labels.drive import (
    ATTRIBUTES,
    GROUP,
    StoredDrive,
    View,
    put_drive,
    read_drive,
)
from mdepth_training.labels.kind import Array, Kind, check_kinds
from mdepth_training.labels.origin import Origin, as_json, differences

_OURS = 'mdepth_labels'
_FORMAT = max(files.DECODERS)


class LabelStore:
    """Labels in a folder; made by `create` (to write as well) or `open` (to read).

    kinds    the labels by name
    origin   what made them, see `make_origin`
    command  that made the store; '' where nothing said it
    """

    def __init__(
        self,
        path: Path,
        kinds: dict[str, Kind],
        origin: Origin,
        command: str,
        store_format: int = _FORMAT,
    ) -> None:
        self.path, self.kinds, self.origin, self._writes = path, kinds, origin, False
        self.command, self._format = command, store_format
        self._drives: dict[str, StoredDrive] = {}

    @classmethod
    def create(
        cls, path: Path, kinds: Mapping[str, Kind], origin: Mapping[str, Any], command: str = ''
    ) -> LabelStore:
        """Make a store, or go on with one; of several processes each calls this.

        Raises MdepthError where the folder holds something else, or labels of other kinds or of
        another origin.
        """
        kinds, origin = dict(kinds), as_json(origin)
        check_kinds(kinds)
        path.mkdir(parents=True, exist_ok=True)
        # Looked at first: another process may be making the store right now.
        used = any(not entry.name.startswith('.') for entry in path.iterdir())
        if not (path / ATTRIBUTES).exists():
            if used:
                raise MdepthError(f'{path} holds something else: choose another folder')
            ours = {
                'format': _FORMAT,
                'origin': origin,
                'kinds': _facts(kinds),
                'command': command,
            }
            files.put_json(path / GROUP, {'zarr_format': 2})
            files.put_json(path / ATTRIBUTES, {_OURS: ours})
        store = cls.open(path)
        store._refuse_another(differences(store._format, _FORMAT, 'format'))
        store._refuse_another(differences(store.origin, origin))
        store._refuse_another(differences(_facts(store.kinds), _facts(kinds)))
        store._writes = True
        return store

    @classmethod
    def open(cls, path: Path) -> LabelStore:
        """Open a store to read; MdepthError where there is none."""
        try:
            ours = read_json(path / ATTRIBUTES)[_OURS]
            if ours['format'] not in files.DECODERS:
                raise MdepthError(f'{path} is of a newer program: update mdepth-training')
            found = {name: Kind(**facts) for name, facts in ours['kinds'].items()}
            command = str(ours.get('command', ''))
            return cls(path, found, dict(ours['origin']), command, ours['format'])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            there = 'is no label store, or damaged' if path.exists() else 'is not there'
            raise MdepthError(
                f'{path} {there}: a stage of kind labels makes one (mdepth-train run)'
            ) from None

    def add_drive(self, name: str, stamps: Sequence[int], view: View | None = None) -> None:
        """Say which frames a drive has (all, at their numbers), before the first is written.

        Every process may say so. Raises MdepthError where the store has it with other frames or
        another view.
        """
        self._refuse_reading()
        folder = self.path / files.folder_name(name)
        self._drives[name] = put_drive(folder, name, stamps, view, self.kinds)

    def write(self, key: Key, maps: Mapping[str, Array | Tensor]) -> None:
        """Store all labels of a frame: [C, H, W], or [H, W] of one channel.

        Raises MdepthError for maps that are not as their kinds say; then none is stored.
        """
        self._refuse_reading()
        if maps.keys() != self.kinds.keys():
            raise MdepthError(f'a frame has {", ".join(self.kinds)}, not {", ".join(maps)}')
        folder = self._frame(key).folder
        checked = {name: kind.checked(name, maps[name]) for name, kind in self.kinds.items()}
        for name, array in checked.items():
            data = files.encode(array, self.kinds[name])
            files.put(folder / name / files.chunk_name(key[1]), data)

    def read(self, key: Key, names: Iterable[str] | None = None) -> dict[str, Array]:
        """Return labels of a frame (all, or those of these names), each [C, H, W].

        Raises MdepthError where one is missing or damaged.
        """
        folder, maps = self._frame(key).folder, {}
        for name in self.kinds if names is None else names:
            kind, path = self._kind(name), folder / name / files.chunk_name(key[1])
            try:
                maps[name] = files.read(path, kind, self._format)
            except FileNotFoundError:
                raise MdepthError(
                    f'{self.path} has no {name} of frame {key[1]} of {key[0]}: {self.how_to_make}'
                ) from None
            except ValueError:
                raise MdepthError(
                    f'{path} is damaged: remove it, then {self.how_to_make}'
                ) from None
        return maps

    def missing(self, keys: Sequence[Key], names: Iterable[str] | None = None) -> list[Key]:
        """Those of the frames that lack a label (any, or one of these names), in their order."""
        there: dict[str, set[int]] = {}
        of = self.kinds if names is None else list(names)
        for drive in {key[0] for key in keys}:
            stored = self.drive(drive)
            if stored is None:
                there[drive] = set()
                continue
            listed = [{n for n, _ in files.chunks_in(stored.folder / name)} for name in of]
            there[drive] = set.intersection(*listed)
        for key in keys:
            if self.drive(key[0]) is not None:
                self._frame(key)  # another recording is refused, not counted
        return [key for key in keys if key[1] not in there[key[0]]]

    @property
    def how_to_make(self) -> str:
        """What a person does where a label is missing."""
        return f'make it with: {self.command}' if self.command else 'make its labels first'

    def keys(self, drive: str) -> list[Key]:
        """The frames of a drive that have all labels."""
        stored = self.drive(drive)
        stamps = [] if stored is None else stored.stamps.tolist()
        every = [Key(drive, number, stamp) for number, stamp in enumerate(stamps)]
        lacking = set(self.missing(every))
        return [key for key in every if key not in lacking]

    def drives(self) -> list[StoredDrive]:
        """The drives, by name."""
        folders = {path.parent for path in self.path.glob(f'*/{ATTRIBUTES}')}
        found = [drive for drive in map(read_drive, folders) if drive is not None]
        return sorted(found, key=lambda drive: drive.name)

    def summary(self) -> list[tuple[str, int, dict[str, tuple[int, int]]]]:
        """Of each drive: name, frames, and of each label its maps and their bytes."""
        rows = []
        for drive in self.drives():
            labels = {}
            for name in self.kinds:
                sizes = [entry.stat().st_size for _, entry in files.chunks_in(drive.folder / name)]
                labels[name] = len(sizes), sum(sizes)
            rows.append((drive.name, len(drive.stamps), labels))
        return rows

    def _kind(self, name: str) -> Kind:
        if name not in self.kinds:
            raise MdepthError(f'{self.path} has no {name}, but {", ".join(self.kinds)}')
        return self.kinds[name]

    def _frame(self, key: Key) -> StoredDrive:
        """The drive of a frame; MdepthError where the store knows it otherwise or not at all."""
        drive, number, stamp = key
        stored = self.drive(drive)
        if stored is None:
            raise MdepthError(f'{self.path} has no drive {drive}: {self.how_to_make}')
        if not 0 <= number < len(stored.stamps) or stored.stamps[number] != stamp:
            raise MdepthError(
                f'{self.path} was made when frame {number} of {drive} was another: the recording '
                'has changed, make the labels again'
            )
        return stored

    def drive(self, name: str) -> StoredDrive | None:
        """A drive; None where it is not there."""
        if name not in self._drives:
            drive = read_drive(self.path / files.folder_name(name))
            if drive is None:
                return None
            self._drives[name] = drive
        return self._drives[name]

    def _refuse_another(self, differing: list[str]) -> None:
        if differing:
            more = f' (and {len(differing) - 2} more)' if len(differing) > 2 else ''
            raise MdepthError(
                f'{self.path} was made by something else: {"; ".join(differing[:2])}{more}: '
                'choose another folder'
            )

    def _refuse_reading(self) -> None:
        if not self._writes:
            raise MdepthError(f'{self.path} was opened to read: create it to write')


def _facts(kinds: Mapping[str, Kind]) -> dict[str, Any]:
    return as_json({name: asdict(kind) for name, kind in kinds.items()})
