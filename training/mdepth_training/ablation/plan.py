# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is compared with what: variants of one experiment or recipe, with several seeds.

All runs of a table have the same number of steps, the same drives and, seed by seed, the same
order of samples and the same augmentation: what differs is what the variant says, and the chance
of the first weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mdepth_ros.errors import MdepthError
from mdepth_training.config import Experiment
from mdepth_training.methods.variant import Variant
from mdepth_training.stages import Stage, load_recipe
from mdepth_training.stages.stage import OUTDATED

__all__ = ['TABLES', 'Run', 'Variant', 'plan']

# The three sizes of Table VII of Implicit Cues, and two for small machines.
SIZES = ((64, 192), (96, 320), (128, 416), (192, 640), (320, 1024))


def resolution(experiment: Experiment) -> list[Variant]:
    """Table VII: the experiment's size, and the next smaller and larger of `SIZES`."""
    own = experiment.input_size
    sizes = sorted({*SIZES, own}, key=lambda size: size[0] * size[1])
    first = min(max(sizes.index(own) - 1, 0), len(sizes) - 3)
    others = [size for size in sizes[first : first + 3] if size != own]
    return [
        Variant(f'{height}x{width}', (f'input_size=[{height}, {width}]',))
        for height, width in (own, *others)
    ]


TABLES = {'resolution': resolution}
"""Of all methods; each may have its own beside them (`Method.tables`)."""


@dataclass(frozen=True)
class Run:
    """One variant with one seed, what it is held against, its stages and their folder."""

    variant: str
    seed: int
    stages: tuple[Stage, ...]
    folder: Path
    against: str

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def experiment(self) -> Experiment:
        """What the model that is scored learns."""
        return _last_fit(self.stages).settings

    @property
    def model(self) -> Path:
        """What is scored."""
        return _last_fit(self.stages).made_model


def plan(
    config: Path, table: str, seeds: int, output: Path, overrides: Sequence[str] = ()
) -> list[Run]:
    """All runs of a table, seed by seed, so that a comparison cut short has whole pairs.

    Raises MdepthError for a folder that was begun with other settings: it had another budget.
    """
    experiment = _last_fit(load_recipe(config, output, overrides)).settings
    tables = {**TABLES, **experiment.method.learner().tables}
    if table not in tables:
        raise MdepthError(f'there is no table {table!r}: choose from {", ".join(tables)}')
    if (experiment.training.devices, experiment.training.nodes) != (1, 1):
        raise MdepthError(
            'every run of an ablation is one process: training.devices and training.nodes must '
            'be 1, and --jobs says how many run side by side'
        )
    runs = []
    variants = tables[table](experiment)
    for seed in range(experiment.training.seed, experiment.training.seed + seeds):
        for variant in variants:
            settings = [*overrides, *variant.settings, f'training.seed={seed}']
            folder = output / f'{variant.name}-seed{seed}'
            stages = tuple(load_recipe(config, folder, settings))
            if any(stage.state()[0] == OUTDATED for stage in stages):
                raise MdepthError(
                    f'{folder} was begun with other settings: choose another --output, or '
                    'remove it'
                )
            against = variant.against or variants[0].name
            runs.append(Run(variant.name, seed, stages, folder, against))
    return runs


def _last_fit(stages: Sequence[Stage]) -> Stage:
    fits = [stage for stage in stages if stage.kind == 'fit']
    if not fits:
        raise MdepthError('a recipe without a stage of kind fit has no model to compare')
    return fits[-1]
