# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Mining Supervision for Dynamic Regions (CVPR 2024): labels for the depth of what moves."""
