# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""SS-MDE (Sensors 2024, 24(13), 4090), a reconstruction: only its abstract is public."""
