# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers: how far depth and trajectories are from the truth. No messages, no networks."""
