# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""ROS domains that nobody else on this machine uses, for as long as tests need them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

FIRST_PORT, PORTS_OF_A_DOMAIN = 7400, 250  # the defaults of DDSI-RTPS
PORTS = (0, 1, *range(10, 10 + 2 * 33))  # of all participants, and of participants 0 to 32


@contextmanager
def free_domain() -> Iterator[int]:
    """Number of a domain without a participant; of others who ask, nobody gets it.

    Whoever has it holds the TCP port of the number of its first UDP port, which DDS does not use.
    """
    for turn in range(101):  # higher ones have ports that Linux gives to whoever asks for any
        domain = 1 + (os.getpid() + turn) % 101
        first = FIRST_PORT + PORTS_OF_A_DOMAIN * domain
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as lock:
            if _binds(lock, '127.0.0.1', first) and all(_is_free(first + port) for port in PORTS):
                yield domain
                return
    raise RuntimeError('no ROS domain is free on this machine')


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        return _binds(probe, '', port)


def _binds(made: socket.socket, address: str, port: int) -> bool:
    try:
        made.bind((address, port))  # without SO_REUSEADDR: fails where anybody is
    except OSError:
        return False
    return True
