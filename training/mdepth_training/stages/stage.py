# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A stage: its inputs, its folder, and whether what lies there is up to date."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mdepth_ros.errors import MdepthError
from mdepth_ros.texts import read_json
from mdepth_training.config import Experiment
from mdepth_training.files import write_whole
from mdepth_training.labels.files import chunk_name
from mdepth_training.labels.origin import as_json, differences
from mdepth_training.labels.pseudo import PseudoSettings
from mdepth_training.run_folder import (
    CHECKPOINT,
    NO_EFFECT,
    code_version,
    is_first_process,
    settings_of,
)

RECORD = 'stage.json'
TO_DO, BEGUN, FINISHED, OUTDATED = 'to do', 'begun', 'finished', 'outdated'


@dataclass(frozen=True)
class Stage:
    """One stage of a chain; a method that makes labels or brings kinds of stages gets it.

    folder    where it leaves what it makes
    model     whose networks it begins with: of a stage, or a file
    teacher   a frozen model that it learns from, for a method that takes one (`teacher_model`)
    stores    labels that it reads: of stages, or folders
    maker     kind labels: which labels of the method
    options   kind evaluate: of the command
    pseudo    maker pseudo: where pseudo-depth comes from
    cache     folder for rendered and extracted drives; None: that of the chain
    """

    name: str
    kind: str
    folder: Path
    settings: Experiment
    model: Stage | Path | None = None
    stores: tuple[Stage | Path, ...] = ()
    maker: str = ''
    options: tuple[str, ...] = ()
    pseudo: PseudoSettings = field(default_factory=PseudoSettings)
    cache: Path | None = None
    teacher: Stage | Path | None = None

    @property
    def model_file(self) -> Path | None:
        """The model that it begins with."""
        return self.model.made_model if isinstance(self.model, Stage) else self.model

    @property
    def made_model(self) -> Path:
        """The model that it leaves, if it fits one."""
        return self.folder / f'{self.settings.name}.safetensors'

    @property
    def made_labels(self) -> Path:
        """The label store that it leaves, if it makes labels."""
        return self.folder / 'labels'

    @property
    def experiment(self) -> Experiment:
        """Its experiment, with the paths of its inputs."""
        training, data = self.settings.training, self.settings.data
        if self.model_file is not None and self.kind == 'fit':
            training = replace(training, initial=str(self.model_file))
        stores = [s.made_labels if isinstance(s, Stage) else s for s in self.stores]
        data = replace(data, labels=(*map(str, stores), *data.labels))
        method = self.settings.method
        if (teacher := self.teacher) is not None:
            file = teacher.made_model if isinstance(teacher, Stage) else teacher
            method = replace(method, teacher_model=str(file))  # type: ignore[call-arg]
        return replace(self.settings, training=training, data=data, method=method)

    def work(self) -> Callable[[Stage, float | None], bool]:
        """What does it; MdepthError for a kind or a maker that nobody knows."""
        from mdepth_training.stages.kinds import KINDS, makers_of

        method = self.settings.method.learner()
        known = {**KINDS, **method.kinds}
        if self.kind not in known:
            raise MdepthError(
                f'stage {self.name}: there is no kind {self.kind!r}: choose from '
                f'{", ".join(known)}'
            )
        if self.kind == 'labels' and self.maker not in (makers := makers_of(self)):
            raise MdepthError(
                f'stage {self.name}: {self.settings.method.name} makes no labels {self.maker!r}: '
                f'`maker` can be {", ".join(makers)}'
            )
        if self.kind == 'evaluate' and self.model is None:
            raise MdepthError(f'stage {self.name} scores no model: set its `model`')
        if self.teacher is not None and not hasattr(self.settings.method, 'teacher_model'):
            raise MdepthError(
                f'stage {self.name} has a `teacher`, but {self.settings.method.name} takes none'
            )
        return known[self.kind]

    def inputs(self) -> dict[str, Stage | Path]:
        """Everything that it reads, by what it is there."""
        stores = {f'labels {place}': store for place, store in enumerate(self.stores)}
        given = {'model': self.model, 'teacher': self.teacher, **stores}
        return {name: source for name, source in given.items() if source is not None}

    def made_of(self) -> dict[str, Any]:
        """What decides what it makes: settings and inputs, as a record has them."""
        settings = {
            name: value
            for name, value in settings_of(self.settings)
            if name.rpartition('.')[2] not in NO_EFFECT
        }
        inputs = {name: _identity(source) for name, source in self.inputs().items()}
        own: dict[str, Any] = {'kind': self.kind, 'maker': self.maker, 'options': self.options}
        if self.maker == 'pseudo':
            own['pseudo'] = asdict(self.pseudo)
        return as_json({**own, 'settings': settings, 'inputs': inputs})

    def record(self) -> dict[str, Any]:
        """What its folder says of it; nothing where nobody began it."""
        try:
            record = read_json(self.folder / RECORD)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            record = None
        if not isinstance(record, dict):
            raise MdepthError(f'{self.folder / RECORD} is damaged: remove the folder')
        return record

    def state(self) -> tuple[str, str]:
        """TO_DO, BEGUN, FINISHED or OUTDATED, and what a person should know of it."""
        record = self.record()
        finished = bool(record.get('finished'))
        if not record or not (finished or self.holds_work()):
            return TO_DO, ''
        here = self.made_of()
        differing = differences(self._with_new_settings(record.get('made of', {}), here), here)
        for source in self.inputs().values():
            if isinstance(source, Stage) and source.state()[0] == OUTDATED:
                differing.append(f'{source.name} is outdated')
        if differing:
            return OUTDATED, '; '.join(differing[:2])
        code, own = record.get('code'), code_version()
        other = '' if code == own else f'by other code: {code}, here is {own}'
        gone = self.kind == 'fit' and not self.made_model.exists()
        return (FINISHED if finished and not gone else BEGUN), other

    def _with_new_settings(self, there: Any, here: Any) -> Any:
        """What a record says, and the defaults of settings that came since it was written.

        That code may have done something else than a default says now: `state` tells of it.
        """
        if not isinstance(there, dict) or not isinstance(there.get('settings'), dict):
            return there
        usual = as_json(dict(settings_of(Experiment(method=type(self.settings.method)()))))
        came = {name: usual[name] for name in usual.keys() & here['settings'].keys()}
        return {**there, 'settings': {**came, **there['settings']}}

    def holds_work(self) -> bool:
        """Whether its folder has something to go on from."""
        if self.kind == 'fit':
            return any(path.exists() for path in (self.folder / CHECKPOINT, self.made_model))
        if self.kind == 'labels':
            return any(self.made_labels.glob(f'*/*/{chunk_name("*")}'))
        return self.kind != 'evaluate'

    def begin(self, command: str) -> None:
        """Say in its folder that it begins, or goes on."""
        record = self.record()
        if self.state()[0] == TO_DO:
            if not self.holds_work():  # an empty store may be of other settings
                shutil.rmtree(self.made_labels, ignore_errors=True)
            made_of = self.made_of()
            record = {
                'stage': self.name,
                'command': command,
                'made of': made_of,
                'code': code_version(),
                'begun': now(),
                'finished': None,
                'seconds': record.get('seconds', 0.0) if record.get('made of') == made_of else 0.0,
            }
        self.note(**record)

    def note(self, **facts: Any) -> None:
        """Add facts to its record; what is finished stays as it is."""
        record = self.record()
        if is_first_process() and not record.get('finished'):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / RECORD, json.dumps(record | facts, indent=1) + '\n')


def now() -> str:
    """The time as a record has it."""
    return datetime.now(timezone.utc).isoformat(timespec='seconds')


def name_of(source: Stage | Path) -> str:
    """What an input is called in words."""
    return source.name if isinstance(source, Stage) else str(source)


def _identity(source: Stage | Path) -> str:
    """Another text where an input is another one."""
    if isinstance(source, Stage):
        file = source.folder / RECORD
        finished = bool(source.record().get('finished'))
    else:
        file = source if source.is_file() else source / '.zattrs'
        finished = file.is_file()
    if not finished:
        return f'{name_of(source)}, which is not there'
    return f'{name_of(source)} {hashlib.sha256(file.read_bytes()).hexdigest()[:16]}'
