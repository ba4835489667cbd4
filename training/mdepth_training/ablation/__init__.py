# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Models compared: variants of an experiment that learn here, or models that are there."""
