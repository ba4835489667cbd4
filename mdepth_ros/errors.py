# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Errors that are meant for a person: one line that says what is wrong and what to do."""


class MdepthError(Exception):
    """Base of every error that a user can cause and mend; commands print it and exit with 2."""
