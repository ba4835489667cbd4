# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A variant of an experiment, as the tables of an ablation have them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """A name, and the settings in which it differs from the experiment, as `--set` has them.

    against  the variant that it is compared with; none: the first of the table
    """

    name: str
    settings: tuple[str, ...] = ()
    against: str = ''
