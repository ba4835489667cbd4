# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The methods: one folder for each paper, one protocol (`method.Method`), found by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from mdepth_ros.errors import MdepthError
from mdepth_training.methods.settings import MethodSettings

GROUP = 'mdepth_training.methods'
_HERE = 'mdepth_training.methods'
_OURS = {
    'dynamic_instances': f'{_HERE}.dynamic_regions.part_settings:InstanceSettings',
    'dynamic_objects': f'{_HERE}.dynamic_regions.settings:DynamicObjectsSettings',
    'dynamic_regions': f'{_HERE}.dynamic_regions.settings:DynamicRegionsSettings',
    'dynamic_slots': f'{_HERE}.dynamic_regions.part_settings:SlotSettings',
    'ground_network': f'{_HERE}.dynamic_regions.part_settings:GroundNetworkSettings',
    'implicit_cues': f'{_HERE}.implicit_cues.settings:ImplicitCuesSettings',
    'scale_alignment': f'{_HERE}.dynamic_regions.settings:ScaleAlignmentSettings',
    'self_distillation': f'{_HERE}.self_distillation.settings:SelfDistillationSettings',
}


def settings_class(name: str) -> type[MethodSettings]:
    """Return the class of the settings of a method; its `learner` gives the method.

    Ours, and those that other distributions name as entry points of GROUP. Raises MdepthError
    for an unknown name.
    """
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    found |= {ours: EntryPoint(ours, where, GROUP) for ours, where in _OURS.items()}
    if name not in found:
        raise MdepthError(f'there is no method {name!r}: choose from {", ".join(sorted(found))}')
    return found[name].load()  # type: ignore[no-any-return]
