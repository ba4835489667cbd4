# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A folder of several recordings, as a vehicle leaves them, against one in several files."""

from __future__ import annotations

from pathlib import Path

from mdepth_ros.sources import video
from mdepth_ros.sources.base import by_name
from mdepth_ros.sources.folder import has_images
from mdepth_ros.sources.recording import is_recording, parts_of_one


def recordings_in(path: Path) -> list[Path]:
    """The bags and videos that lie in a folder; empty where the folder itself is the recording.

    A bag in parts (`bag_0.mcap`, `bag_1.mcap`) is one recording, and so is every folder with a
    metadata.yaml; files of different names are different drives, perhaps of different cameras.
    """
    if not path.is_dir() or (path / 'metadata.yaml').is_file() or has_images(path):
        return []
    inside = sorted((file for file in path.iterdir() if file.name[0] != '.'), key=by_name)
    files = [file for file in inside if file.is_file() and is_recording(file)]
    if files and parts_of_one(files):
        return []
    films = [file for file in inside if file.suffix.lower() in video.SUFFIXES]
    folders = [folder for folder in inside if folder.is_dir() and is_recording(folder)]
    return sorted([*files, *films, *folders], key=by_name)
