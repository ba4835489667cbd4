# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A line of the table that `mdepth doctor` prints."""

from __future__ import annotations

from typing import NamedTuple

GOOD, NOTE, BAD = 'ok', 'note', 'broken'


class Finding(NamedTuple):
    """What was looked at, how it is, and what to do about it."""

    subject: str
    state: str
    found: str
    remedy: str = ''


def judged(subject: str, fine: bool, found: str, remedy: str, otherwise: str = NOTE) -> Finding:
    """A finding that has a remedy where it is not fine."""
    return Finding(subject, GOOD, found) if fine else Finding(subject, otherwise, found, remedy)
