# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hostile inputs of every kind that mdepth reads, made from seeds and numbers: `make fuzz`.

The rule that is checked is the one of SECURITY.md: whatever the bytes, the outcome is a result or
one line, within limits of time and memory; no other exception, no crash, no file outside the
folder for results, no code run from data, and no pose that is not finite.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / 'test'))  # the small recordings and the small model of the tests
for _pool in ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS'):
    os.environ.setdefault(_pool, '1')  # before torch: a process with threads does not fork well
