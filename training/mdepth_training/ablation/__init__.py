# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Variants that learn here, models and masks that are there: compared on the synthetic world."""
