# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Everything is in pyproject.toml."""

from setuptools import setup

setup()
