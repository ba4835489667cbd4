# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The comparisons of the paper, as variants of one experiment."""

from __future__ import annotations

from mdepth_training.config import Experiment
from mdepth_training.methods.variant import Variant


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
    """The forms of Eq. 7 and 8, beside no attention."""
    forms = ('none', 'elementwise', 'pairwise', 'gate')
    return [Variant(form, (f'network.attention={form}',)) for form in forms]


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


TABLES = {table.__name__: table for table in (components, ham, pose, stages)}
