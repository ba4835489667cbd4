# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A small driving world with exact ground truth: ray-cast roads, deterministic by seed."""

from mdepth_ros.synthetic.config import WorldConfig
from mdepth_ros.synthetic.drive import Drive, View, make_drive

__all__ = ['Drive', 'View', 'WorldConfig', 'make_drive']
