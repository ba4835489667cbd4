# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Text files that are written whole or not at all: a full disk leaves the one before."""

from __future__ import annotations

from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Replace a file by this text; OSError where that is not possible."""
    partial = path.with_name(f'{path.name}.partial')
    try:
        partial.write_text(text, encoding='utf-8')
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
