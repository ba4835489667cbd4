# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The largest inputs that are believed; what is larger is refused before memory is taken for it."""

LARGEST_IMAGE = 100_000_000
"""Pixels of one image: twice the largest camera sensors of today's vehicles, and 300 MB as RGB."""
LARGEST_MESSAGE = 1_000_000_000
"""Bytes of one message of a recording, unpacked."""
LATEST_STAMP = 2**31 * 1_000_000_000 - 1
"""ns: what builtin_interfaces/Time can say (int32 seconds), the year 2038."""
