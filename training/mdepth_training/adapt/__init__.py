# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A model and recordings of one vehicle -> the model for its camera, and whether it got better."""
