# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A ROS domain that nobody else on this machine uses, for as long as it is needed.

For what must not meet another graph: the live benchmark, and the tests. Importing this module
loads nothing that takes time.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from mdepth_ros.errors import MdepthError

# Domain 0 is everybody's. The ports of 102 to 214 are among those that Linux gives to whoever
# asks for any (32768 to 60999).
DOMAINS = range(1, 102)
FIRST_PORT, PORTS_OF_A_DOMAIN = 7400, 250  # the defaults of DDSI-RTPS
# Of all participants, and of participants 0 to 32: as many as Cyclone DDS and ROS 2 look for.
PORTS = (0, 1, *range(10, 10 + 2 * 33))


@contextmanager
def free_domain() -> Iterator[int]:
    """Number of a domain without a participant on this machine; of others who ask, nobody gets it.

    Whoever has it holds the TCP port of the number of the domain's first UDP port, which DDS does
    not use. The system takes it back when the process ends, however it ends. Raises MdepthError
    where no domain is free.
    """
    start = os.getpid()  # processes that start at once rarely ask for the same one
    for turn in range(len(DOMAINS)):
        domain = DOMAINS[(start + turn) % len(DOMAINS)]
        first = FIRST_PORT + PORTS_OF_A_DOMAIN * domain
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as lock:
            if _binds(lock, '127.0.0.1', first) and _is_silent(first):
                yield domain
                return
    raise MdepthError(
        f'no ROS domain from {DOMAINS[0]} to {DOMAINS[-1]} is free on this machine: stop nodes '
        'that are not needed'
    )


@contextmanager
def own_domain() -> Iterator[int]:
    """A free domain for this process and those that it starts, all of them on this machine.

    Sets the environment, which whoever initialises rclpy reads, and puts it back.
    """
    with free_domain() as domain:
        wanted: dict[str, str | None] = {
            'ROS_DOMAIN_ID': str(domain),
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
            'ROS_STATIC_PEERS': None,
            # Humble knows only this one; where it stands, the others warn of it.
            'ROS_LOCALHOST_ONLY': '1' if os.environ.get('ROS_DISTRO') == 'humble' else None,
        }
        before = {name: os.environ.get(name) for name in wanted}
        _set(wanted)
        try:
            yield domain
        finally:
            _set(before)


def _set(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def _is_silent(first: int) -> bool:
    for offset in PORTS:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            if not _binds(probe, '', first + offset):
                return False
    return True


def _binds(made: socket.socket, address: str, port: int) -> bool:
    try:
        made.bind((address, port))  # without SO_REUSEADDR: fails where anybody is
    except OSError:
        return False
    return True
