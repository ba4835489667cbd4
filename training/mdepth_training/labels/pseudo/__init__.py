# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pseudo-depth: what other networks, or files, say of the depth of each frame, as labels."""

from mdepth_training.labels.pseudo.choose import provider_of
from mdepth_training.labels.pseudo.maker import pseudo_maker
from mdepth_training.labels.pseudo.settings import PseudoSettings, read_settings
from mdepth_training.labels.pseudo.space import mistaken_for, seeming_space

__all__ = [
    'PseudoSettings',
    'mistaken_for',
    'provider_of',
    'pseudo_maker',
    'read_settings',
    'seeming_space',
]
