# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""ROS domains of a process, and whom it looks for in them."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import dataclass

from ros2_standalone.errors import StandaloneError

from .cyclone import check, library

QUIET = '<AllowMulticast>false</AllowMulticast>'
RANGES = ('SUBNET', 'LOCALHOST', 'OFF', 'SYSTEM_DEFAULT')


@dataclass(frozen=True)
class Discovery:
    """Whom a process looks for: automatic range, and peers to ask besides.

    range      'SUBNET', 'LOCALHOST', 'OFF' or 'SYSTEM_DEFAULT' (ROS_AUTOMATIC_DISCOVERY_RANGE)
    peers      addresses (ROS_STATIC_PEERS)
    """

    range: str = 'SUBNET'
    peers: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls) -> Discovery:
        """What ROS_AUTOMATIC_DISCOVERY_RANGE, ROS_STATIC_PEERS and ROS_LOCALHOST_ONLY say."""
        if os.environ.get('ROS_LOCALHOST_ONLY') == '1':  # older than the other two, and stronger
            return cls('LOCALHOST')
        chosen = os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE') or 'SUBNET'
        if chosen not in RANGES:
            raise StandaloneError(
                f'ROS_AUTOMATIC_DISCOVERY_RANGE is {chosen!r}: '
                f'set it to one of {", ".join(RANGES)}'
            )
        peers = os.environ.get('ROS_STATIC_PEERS', '').split(';')
        return cls(chosen, tuple(peer for peer in peers if peer))

    def config(self) -> str:
        """Configuration for Cyclone DDS, as rmw_cyclonedds_cpp has it; '' for its own."""
        if self.range == 'SYSTEM_DEFAULT':
            return ''
        general, peers = '', self.peers
        # One port per process of this machine, few enough to ask them all.
        inside = '<ParticipantIndex>auto</ParticipantIndex>'
        inside += '<MaxAutoParticipantIndex>32</MaxAutoParticipantIndex>'
        if self.range == 'OFF':
            general, peers = QUIET, ()
            # Nobody else has this tag.
            inside = '<ParticipantIndex>none</ParticipantIndex>'
            inside += f'<Tag>ros_discovery_off_{os.getpid()}</Tag>'
        if self.range == 'LOCALHOST':
            own = _own_addresses()
            parts = (f'<NetworkInterface address="{address}"/>' for address in own)
            general = f'{QUIET}<Interfaces>{"".join(parts)}</Interfaces>'
            peers = (*own, *peers)
        if peers:
            addresses = ''.join(f'<Peer address="{peer}"/>' for peer in peers)
            inside += f'<Peers>{addresses}</Peers>'
        domain = f'<General>{general}</General><Discovery>{inside}</Discovery>'
        return f'<CycloneDDS><Domain>{domain}</Domain></CycloneDDS>,'


def _own_addresses() -> list[str]:
    """Where other processes of this machine may be, and call from.

    Cyclone DDS 11 hears only interfaces that it was told of, and by itself takes one. ROS 2 calls
    127.0.0.1 but listens at the address of the machine, where it has one.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(('192.0.2.1', 9))  # of no network; nothing is sent
            own = str(probe.getsockname()[0])
        except OSError:  # no way out
            own = '127.0.0.1'
    return sorted({'127.0.0.1', own})


class _Domains:
    """The domains of this process: each is configured once, for all of its participants."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[int, tuple[int, Discovery, int]] = {}  # id -> handle, discovery, users

    def acquire(self, domain_id: int, discovery: Discovery) -> None:
        """Open a domain for one more user.

        Raises StandaloneError where it is open with another discovery, or where Cyclone DDS does
        not take CYCLONEDDS_URI; RCLError where it can't have the domain for another reason.
        """
        with self._lock:
            if domain_id in self._open:
                handle, before, users = self._open[domain_id]
                if before != discovery:
                    raise StandaloneError(f'domain {domain_id} is already open with {before}')
            else:
                own = os.environ.get('CYCLONEDDS_URI', '')
                config = discovery.config() + own
                handle, users = library().dds_create_domain(domain_id, config.encode()), 0
                if handle < 0 and own:
                    raise StandaloneError(
                        f'Cyclone DDS does not take CYCLONEDDS_URI {own!r}: correct it, or leave '
                        'its interfaces and peers to ROS_AUTOMATIC_DISCOVERY_RANGE, now '
                        f'{discovery.range}; SYSTEM_DEFAULT leaves both to CYCLONEDDS_URI'
                    )
                check(handle, f'ROS domain {domain_id} with the configuration {config!r}')
            self._open[domain_id] = handle, discovery, users + 1

    def release(self, domain_id: int) -> None:
        """Have one user less; the last closes the domain."""
        with self._lock:
            handle, discovery, users = self._open.pop(domain_id)
            if users > 1:
                self._open[domain_id] = handle, discovery, users - 1
            else:
                library().dds_delete(handle)


domains = _Domains()
