# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A run against its truth: numbers, pictures and a report of what was compared with what."""
