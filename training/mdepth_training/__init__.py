# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Learns the depth and ego-motion networks of mdepth_ros from drives without labels."""
