# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`rclpy.service` and `rclpy.client`, over the wire as rmw_cyclonedds_cpp has them.

A request and its reply are topics; each message begins with the handle of the client's writer and
a number. Fast DDS marks them outside of the message instead, which Cyclone DDS does not let a
program see or set: services work with ROS 2 on Cyclone DDS, topics with both.
"""

from __future__ import annotations

import itertools
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

from .context import Context
from .dds import Endpoint, Participant, Reader, Writer
from .exceptions import InvalidHandle, RCLError
from .qos import QoSProfile
from .serialization import deserialize_message, serialize_message
from .task import Future
from .waiting import Waitable
from .wire_types import type_hash

CDR_HEADER = 4  # bytes that say how the rest is encoded
HEADER = 16  # bytes of client handle and sequence number after it
REPLY_WAIT = 0.1  # seconds until a client that can't get its reply is given up

_counter = itertools.count(1)


def _with_header(message: Any, client: int, sequence: int) -> bytes:
    data = serialize_message(message)
    return data[:CDR_HEADER] + struct.pack('=Qq', client, sequence) + data[CDR_HEADER:]


def _split(data: bytes) -> tuple[int, int, bytes]:
    """Client handle, sequence number and the message itself; RuntimeError where these lack."""
    if len(data) < CDR_HEADER + HEADER:
        raise RuntimeError('failed to deserialize ROS message: it has no header of a service')
    order = '<' if data[1] & 1 else '>'
    client, sequence = struct.unpack_from(f'{order}Qq', data, CDR_HEADER)
    return client, sequence, data[:CDR_HEADER] + data[CDR_HEADER + HEADER :]


class _Pair(Waitable):
    """A writer and a reader that belong together, and say so in their user data."""

    def __init__(
        self,
        context: Context,
        srv_type: Any,
        name: str,
        profile: QoSProfile,
        is_service: bool,
    ) -> None:
        super().__init__()
        self.srv_type = srv_type
        self.srv_name = name
        self.qos_profile = profile
        self._context = context
        request = (f'rq{name}Request', f'{srv_type.__srvtype__}_Request')
        reply = (f'rr{name}Reply', f'{srv_type.__srvtype__}_Response')
        incoming, outgoing = (request, reply) if is_service else (reply, request)
        label = f'{"serviceid" if is_service else "clientid"}={_unique(context.participant)};'
        self._writer = Writer(
            context.participant, *outgoing, profile, f'{label}typehash={type_hash(outgoing[1])};'
        )
        self._reader = Reader(
            context.participant, *incoming, profile, f'{label}typehash={type_hash(incoming[1])};'
        )

    @property
    def service_name(self) -> str:
        """Full name of the service, after remapping."""
        return self.srv_name

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Its DDS writer and reader."""
        return (self._writer, self._reader)

    @property
    def handles(self) -> tuple[int, ...]:
        """The condition that messages wait."""
        return (self._reader.condition,)

    def _check(self) -> None:
        if self._destroyed:
            raise InvalidHandle(f'{type(self).__name__} {self.srv_name} was destroyed')
        if not self._context.ok():
            raise RCLError(f'{type(self).__name__} {self.srv_name} can not be used after shutdown')

    def destroy(self) -> None:
        """Delete what it has in DDS; the node's destroy_... also forgets it."""
        if not self._destroyed:
            self._writer.delete()
            self._reader.delete()
        super().destroy()


def _unique(participant: Participant) -> str:
    """16 bytes as hexadecimal numbers with points: the participant's 12, and a count."""
    number = participant.guid()[:12] + next(_counter).to_bytes(4, 'big')
    return '.'.join(f'{byte:x}' for byte in number)


def _ids(endpoint: Endpoint, key: str) -> list[str | None]:
    """What the peers of an endpoint call themselves; None for those that do not say."""
    found = (endpoint.peer_user_data(peer) for peer in endpoint.matched_handles())
    return [user_data.get(key) for user_data in found if user_data is not None]


class Service(_Pair):
    """Answers requests: calls back with (request, response), sends what that returns."""

    def __init__(
        self,
        context: Context,
        srv_type: Any,
        name: str,
        callback: Callable[[Any, Any], Any],
        profile: QoSProfile,
        logger: Any,
    ) -> None:
        super().__init__(context, srv_type, name, profile, is_service=True)
        self.callback = callback
        self._logger = logger

    def take(self) -> Callable[[], Any] | None:
        """Take the oldest request that waits, to be answered; one that is none is dropped."""
        taken = None if self._destroyed else self._reader.take()
        if taken is None:
            return None
        try:
            client, sequence, data = _split(taken[0])
            request = deserialize_message(data, self.srv_type.Request)
        except Exception as error:  # as in Fast DDS, where such a request is not taken
            self._logger.warning(
                f'a request to {self.srv_name} cannot be read and was dropped: {error}', once=True
            )
            return None
        return lambda: self._answer(request, client, sequence, taken[1].publication_handle)

    def _answer(self, request: Any, client: int, sequence: int, writer: int) -> None:
        response = self.callback(request, self.srv_type.Response())
        if not isinstance(response, self.srv_type.Response):
            raise TypeError(f'the callback of service {self.srv_name} must return its response')
        self._check()
        if self._wait_for_reader(writer):
            self._writer.write(_with_header(response, client, sequence))

    def _wait_for_reader(self, request_writer: int) -> bool:
        """Whether the client can get the reply: its writer may be known before its reader is."""
        asker = self._reader.peer_user_data(request_writer)
        if asker is None:
            return False
        end = time.monotonic() + REPLY_WAIT
        while asker.get('clientid') not in [None, *_ids(self._writer, 'clientid')]:
            if time.monotonic() > end:
                return False
            time.sleep(REPLY_WAIT / 20)
        return True


class Client(_Pair):
    """Asks a service."""

    def __init__(self, context: Context, srv_type: Any, name: str, profile: QoSProfile) -> None:
        super().__init__(context, srv_type, name, profile, is_service=False)
        self._lock = threading.Lock()
        self._pending: dict[int, Future] = {}
        self._sequence = itertools.count(1)
        self._handle = self._writer.instance_handle()

    def call_async(self, request: Any) -> Future:
        """Ask; the future is done when an executor that spins the node gets the reply.

        Raises TypeError for a request of another type, InvalidHandle after destroy(), RCLError
        after shutdown.
        """
        if not isinstance(request, self.srv_type.Request):
            raise TypeError(f'Expected {self.srv_type.Request}, got {type(request)}')
        self._check()
        sequence, future = next(self._sequence), Future()
        with self._lock:
            self._pending[sequence] = future
        self._writer.write(_with_header(request, self._handle, sequence))
        return future

    def take(self) -> Callable[[], Any] | None:
        """Take the oldest reply that waits, for the future of its request."""
        taken = None if self._destroyed else self._reader.take()
        if taken is None:
            return None
        client, sequence, data = _split(taken[0])
        if client != self._handle:  # all clients of a service hear all of its replies
            return None
        reply = deserialize_message(data, self.srv_type.Response)
        with self._lock:
            future = self._pending.pop(sequence, None)
        return None if future is None else lambda: future.set_result(reply)

    def service_is_ready(self) -> bool:
        """Whether there is a service that gets requests, and whose replies arrive."""
        self._check()
        requests, replies = _ids(self._writer, 'serviceid'), _ids(self._reader, 'serviceid')
        return bool(set(requests) & set(replies))

    def wait_for_service(self, timeout_sec: float | None = None) -> bool:
        """Wait until there is a service, at most so many seconds; whether there is one."""
        end = float('inf') if timeout_sec is None else time.monotonic() + timeout_sec
        while self._context.ok() and not self.service_is_ready():
            if time.monotonic() >= end:
                return False
            time.sleep(0.02)
        return self._context.ok()
