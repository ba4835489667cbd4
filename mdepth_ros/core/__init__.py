# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The algorithm: from frames to depth, motion, scale and pose. No ROS message is known here."""
