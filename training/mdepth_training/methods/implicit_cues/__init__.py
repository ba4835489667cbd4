# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Implicit Cues (arXiv 2006.09876): depth and ego-motion that help each other."""
