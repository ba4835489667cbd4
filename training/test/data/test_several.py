# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which folders are several recordings."""

from __future__ import annotations

from pathlib import Path

import pytest
from mdepth_training.data.folder import recordings_in


@pytest.mark.parametrize(
    ('files', 'found'),
    [
        (['a_0.mcap', 'a_1.mcap', 'a_10.mcap'], []),
        (['a.mcap', '._a.mcap'], []),
        (['x_2026-11-21-10-00-00_0.bag', 'x_2026-11-21-10-05-00_1.bag'], []),
        (
            ['2026-11-21-10-00-00.bag', '2026-11-22-09-00-00.bag'],
            ['2026-11-21-10-00-00.bag', '2026-11-22-09-00-00.bag'],
        ),
        (['metadata.yaml', 'a.mcap', 'b.mcap'], []),
        (['monday.mcap', 'friday.bag', 'notes.txt'], ['friday.bag', 'monday.mcap']),
        (['one.mp4', 'ten/10.mcap', 'two/metadata.yaml'], ['one.mp4', 'ten', 'two']),
        (['clip.mp4', '0.png', 'intrinsics.txt'], []),
        (['d2/x.db3', 'd10/x.db3', 'd1/y.txt'], ['d2', 'd10']),
        ([], []),
    ],
)
def test_several(tmp_path: Path, files: list[str], found: list[str]) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).touch()
    assert [path.name for path in recordings_in(tmp_path)] == found
    assert recordings_in(tmp_path / 'nothing') == []
