# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Metric depth, odometry and point clouds from the consecutive frames of one camera."""

__version__ = '0.1.0'
