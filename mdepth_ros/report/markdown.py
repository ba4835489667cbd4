# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Names of others in Markdown: one line, and nothing in them is markup."""

from __future__ import annotations

import re

from mdepth_ros.errors import shown


def code(text: object) -> str:
    """A name as code."""
    return f'`{shown(text).replace("`", chr(39)).replace("|", chr(92) + "|")}`'


def plain(text: object) -> str:
    """A line of words."""
    return re.sub(r'([\\`*\[\]<>|])', r'\\\1', shown(text))
