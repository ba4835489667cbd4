# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What each part brings, as variants of one recipe of a teacher and a student."""

from __future__ import annotations

from mdepth_training.config import Experiment
from mdepth_training.methods.variant import Variant

PARTS = (
    ('pseudo', ('method.pseudo=none',)),
    ('forgetting', ('method.forgetting=none',)),
    ('teacher', ('method.teacher=none',)),
    ('mask-filter', ('method.mask_filter=none', 'method.self_discovered_mask=false')),
)
"""Each part, and the settings that switch it off, in the order in which they come in."""


def distillation(_: Experiment) -> list[Variant]:
    """Nothing of it, then one part more in each row, up to the recipe as it is.

    What is off is off in all stages, so all rows have the same steps. Each is held against the
    row before.
    """
    rows = ('base', *(f'+{name}' for name, _ in PARTS))
    return [
        Variant(
            name,
            tuple(text for _, off in PARTS[place:] for text in off),
            against=rows[max(place - 1, 0)],
        )
        for place, name in enumerate(rows)
    ]


TABLES = {distillation.__name__: distillation}
