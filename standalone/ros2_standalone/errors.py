# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Errors that are meant for a person: one line that says what is wrong and what to do."""

from __future__ import annotations

import unicodedata

JOINERS = '\u200c\u200d\u00ad'
"""Invisible, but some scripts are written with them."""


class StandaloneError(Exception):
    """What a user can cause and mend: the message is one line that says what to do."""


def shown(text: object) -> str:
    r"""Text of others as one line that is safe on a terminal: an escape is written as \x1b.

    So are all control characters and newlines, the marks that turn the direction of reading, and
    halves of surrogate pairs; letters of every language stay.
    """
    return ''.join(map(_shown, str(text)))


def _shown(character: str) -> str:
    if character.isprintable() or character in JOINERS:
        return character
    if unicodedata.category(character) in ('Zs', 'Cn', 'Co'):
        return character
    return character.encode('unicode_escape').decode()
