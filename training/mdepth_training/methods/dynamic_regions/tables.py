# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The comparisons of the paper, as variants of one recipe."""

from __future__ import annotations

from mdepth_training.config import Experiment
from mdepth_training.methods.variant import Variant


def labels(_: Experiment) -> list[Variant]:
    """What the labels bring, and what of them: the closed form is the competitor of DSA.

    Of a recipe with the stages of dynamic-alignment.yaml; a stage that a variant does not use
    runs all the same.
    """
    kinds = [
        (scale, shape) for shape in ('flat', 'scene', 'object') for scale in ('contact', 'network')
    ]
    kinds.append(('rows', 'flat'))
    return [
        Variant('no-labels', ('method.label_weight=0', 'method.scene_weight=0')),
        *(
            Variant(f'{scale}-{shape}', (f'method.scale={scale}', f'method.shape={shape}'))
            for scale, shape in kinds
        ),
    ]


TABLES = {labels.__name__: labels}
