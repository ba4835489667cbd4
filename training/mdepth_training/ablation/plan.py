# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is compared with what: the tables of the paper as variants of one experiment.

All runs of a table have the same number of steps, the same drives and, seed by seed, the same
order of samples and the same augmentation: what differs is what the variant says, and the chance
of the first weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mdepth_ros.errors import MdepthError
from mdepth_training.config import Experiment, load_experiment

# The three sizes of table VII, and two for small machines.
SIZES = ((64, 192), (96, 320), (128, 416), (192, 640), (320, 1024))


@dataclass(frozen=True)
class Variant:
    """A name, and the settings in which it differs from the experiment, as `--set` has them.

    against  the variant that it is held against; none: the first of the table
    """

    name: str
    settings: tuple[str, ...] = ()
    against: str = ''


def components(_: Experiment) -> list[Variant]:
    """Table V: the plain network, IDCE, HAM, both."""
    return [
        Variant(name, (f'network.attention={attention}', f'network.cues={cues}'))
        for name, attention, cues in (
            ('baseline', 'none', 'false'),
            ('idce', 'none', 'true'),
            ('ham', 'elementwise', 'false'),
            ('ham+idce', 'elementwise', 'true'),
        )
    ]


def ham(_: Experiment) -> list[Variant]:
    """The ways to read Eq. 7 and 8, beside no attention."""
    readings = ('none', 'elementwise', 'pairwise', 'gate')
    return [Variant(reading, (f'network.attention={reading}',)) for reading in readings]


def pose(_: Experiment) -> list[Variant]:
    """Table VI: two pose networks, each plain, with CAM and with HAM; no cues.

    What an attention brings is held against the same pose network without one.
    """
    names = {'none': '', 'channel': '+cam', 'elementwise': '+ham'}
    return [
        Variant(
            f'{motion}{suffix}',
            (f'network.motion={motion}', f'network.attention={attention}', 'network.cues=false'),
            against=motion if suffix else '',
        )
        for motion in ('resnet', 'posecnn')
        for attention, suffix in names.items()
    ]


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


def stages(experiment: Experiment) -> list[Variant]:
    """How the length is split between 'baseline and HAM' and 'everything' (section IV.B)."""
    training = experiment.training
    half = (training.epochs or training.steps) // 2
    split = f'method.joint_from={half}'
    return [
        Variant('joint', ('method.joint_from=0', 'training.restart=false')),
        Variant('halves', (split, 'training.restart=false')),
        Variant('halves-restart', (split, 'training.restart=true'), against='halves'),
        Variant(
            'joint-no-gate',
            ('method.joint_from=0', 'training.restart=false', 'network.cues_gate=false'),
        ),
        Variant(
            'halves-no-gate',
            (split, 'training.restart=false', 'network.cues_gate=false'),
            against='halves',
        ),
    ]


TABLES = {table.__name__: table for table in (components, ham, pose, resolution, stages)}


@dataclass(frozen=True)
class Run:
    """One variant with one seed, what it is held against, and the folder that it lives in."""

    variant: str
    seed: int
    experiment: Experiment
    folder: Path
    against: str

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def model(self) -> Path:
        """What `fit` writes at the end."""
        return self.folder / f'{self.experiment.name}.safetensors'


def plan(
    config: Path, table: str, seeds: int, output: Path, overrides: Sequence[str] = ()
) -> list[Run]:
    """All runs of a table, seed by seed, so that a comparison cut short has whole pairs.

    Raises MdepthError for a folder that was begun with other settings: it had another budget.
    """
    experiment = load_experiment(config, [*overrides])
    tables = {**TABLES, **experiment.method.learner().tables}
    if table not in tables:
        raise MdepthError(f'there is no table {table!r}: choose from {", ".join(tables)}')
    if (experiment.training.devices, experiment.training.nodes) != (1, 1):
        raise MdepthError(
            'every run of an ablation is one process: training.devices and training.nodes must '
            'be 1, and --jobs says how many run side by side'
        )
    runs = []
    for seed in range(experiment.training.seed, experiment.training.seed + seeds):
        variants = tables[table](experiment)
        for variant in variants:
            settings = [*overrides, *variant.settings, f'training.seed={seed}']
            run = Run(
                variant.name,
                seed,
                load_experiment(config, settings),
                output / f'{variant.name}-seed{seed}',
                variant.against or variants[0].name,
            )
            begun = run.folder / 'experiment.yaml'
            if begun.exists() and not _same(load_experiment(begun), run.experiment):
                raise MdepthError(
                    f'{run.folder} was begun with other settings: choose another --output, or '
                    'remove it'
                )
            runs.append(run)
    return runs


def _same(begun: Experiment, wanted: Experiment) -> bool:
    """Whether a run was begun as it is wanted; the camera it takes from its recordings."""
    return replace(begun, camera=wanted.camera) == wanted
