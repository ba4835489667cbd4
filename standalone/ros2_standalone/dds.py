# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Participants, writers, readers and waiting: serialised messages over Cyclone DDS.

Entities are handles; one that was deleted answers every call with an error, in any thread.
"""

from __future__ import annotations

import ctypes as ct
import threading
import weakref
from typing import Any

from . import cyclone
from .cyclone import Buffer, SampleInfo, TopicDescriptor, check, library
from .dds_qos import endpoint_qos, read_user_data, user_data_qos
from .domains import Discovery, domains
from .exceptions import RCLError
from .qos import QoSProfile
from .wire_types import dds_type_name, operations


class DdsEntity:
    """Something that has a handle."""

    def __init__(self, handle: int, what: str) -> None:
        self.handle = check(handle, what)

    def delete(self) -> None:
        """Delete it, and what belongs to it."""
        library().dds_delete(self.handle)

    def guid(self) -> bytes:
        """Its 16 bytes, unique in the network."""
        guid = cyclone.Guid()
        check(library().dds_get_guid(self.handle, ct.byref(guid)), 'guid')
        return bytes(guid)


class Participant(DdsEntity):
    """A member of a ROS domain; all nodes of a context share one.

    Raises StandaloneError where Cyclone DDS is not installed or the environment asks for nonsense,
    RCLError where the network can't be used.
    """

    def __init__(self, domain_id: int, enclave: str = '/') -> None:
        self.domain_id = domain_id
        self.endpoints: weakref.WeakSet[Endpoint] = weakref.WeakSet()
        domains.acquire(domain_id, Discovery.from_environment())
        try:
            with user_data_qos(f'enclave={enclave};') as qos:
                handle = library().dds_create_participant(domain_id, qos, None)
                super().__init__(handle, f'participant in ROS domain {domain_id}')
        except Exception:
            domains.release(domain_id)
            raise

    def delete(self) -> None:
        """Delete all of its entities, and the domain where nobody else is in it."""
        for endpoint in list(self.endpoints):
            endpoint.delete()
        super().delete()
        domains.release(self.domain_id)

    def create_topic(self, topic: str, type_name: str) -> int:
        """Handle of a topic, without which there is no endpoint; to be deleted by the caller."""
        words = operations(type_name)
        descriptor = TopicDescriptor(
            size=8,  # of a structure in memory that nobody makes
            align=8,
            flags=TopicDescriptor.RESTRICT_REPRESENTATION,
            type_name=dds_type_name(type_name).encode(),
            ops=(ct.c_uint32 * len(words))(*words),
            meta=b'',
            representations=TopicDescriptor.XCDR1,
        )
        create, name = library().dds_create_topic, topic.encode()
        handle = create(self.handle, ct.byref(descriptor), name, None, None)
        return check(handle, f'topic {topic} of type {type_name}')


class Endpoint(DdsEntity):
    """A writer or a reader."""

    is_writer = False

    def __init__(
        self,
        participant: Participant,
        topic: str,
        type_name: str,
        profile: QoSProfile,
        user_data: str = '',
        ignore_local: bool = False,
    ) -> None:
        dds, self.type_name = library(), type_name
        topic_handle = participant.create_topic(topic, type_name)
        try:
            with endpoint_qos(profile, user_data, ignore_local) as qos:
                create = dds.dds_create_writer if self.is_writer else dds.dds_create_reader
                handle = create(participant.handle, topic_handle, qos, None)
                super().__init__(handle, f'{type(self).__name__.lower()} of {topic}')
        finally:
            dds.dds_delete(topic_handle)  # the endpoint keeps what it needs
        self.gid = self.guid()
        # Other than handles, serialised messages and their types are memory that may be gone.
        self._lock = threading.Lock()
        self._deleted = False
        participant.endpoints.add(self)

    def delete(self) -> None:
        """Delete it; a thread that uses it meanwhile gets an error, or nothing."""
        with self._lock:
            already, self._deleted = self._deleted, True
        if not already:
            super().delete()

    def watch_incompatible_qos(self) -> None:
        """Let a wait set that this is attached to wake for peers whose QoS does not fit."""
        offered, requested = cyclone.OFFERED_INCOMPATIBLE_QOS, cyclone.REQUESTED_INCOMPATIBLE_QOS
        events = offered if self.is_writer else requested
        check(library().dds_set_status_mask(self.handle, events), 'status mask')

    def take_incompatible_qos(self) -> Any:
        """The status about peers whose QoS does not fit; its change counts since the last look."""
        status = cyclone.IncompatibleQos()
        kind = 'offered' if self.is_writer else 'requested'
        get = getattr(library(), f'dds_get_{kind}_incompatible_qos_status')
        check(get(self.handle, ct.byref(status)), 'status')
        return status

    def matched_handles(self) -> list[int]:
        """Instance handles of the peers."""
        name = 'subscriptions' if self.is_writer else 'publications'
        get = getattr(library(), f'dds_get_matched_{name}')
        room = check(get(self.handle, None, 0), f'matched {name}') + 8  # some may come meanwhile
        handles = (ct.c_uint64 * room)()
        count = check(get(self.handle, handles, room), f'matched {name}')
        return list(handles[: min(count, room)])

    def peer_user_data(self, peer: int) -> dict[str, str] | None:
        """User data of a peer by its instance handle; None where it is gone."""
        name = 'subscription' if self.is_writer else 'publication'
        found = getattr(library(), f'dds_get_matched_{name}_data')(self.handle, peer)
        if not found:
            return None
        try:
            return read_user_data(found.contents.qos)
        finally:
            library().dds_builtintopic_free_endpoint(found)


class Writer(Endpoint):
    """Sends serialised messages of one topic."""

    is_writer = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        sertype = ct.c_void_p()
        check(library().dds_get_entity_sertype(self.handle, ct.byref(sertype)), 'type')
        self._sertype = sertype

    def write(self, data: bytes) -> None:
        """Send a message as CDR; the buffer is the caller's again afterwards.

        Raises RCLError for what is no such message, and after delete().
        """
        dds, buffer = library(), Buffer(ct.cast(ct.c_char_p(data), ct.c_void_p), len(data))
        make, one = dds.ddsi_serdata_from_ser_iov, ct.byref(buffer)
        with self._lock:
            if self._deleted:
                raise RCLError('publish: the writer was deleted')
            serdata = make(self._sertype, cyclone.DATA, 1, one, len(data))
        if not serdata:
            raise RCLError(f'publish: the data are not a serialised {self.type_name}')
        check(dds.dds_writecdr(self.handle, serdata), 'publish')

    def count_matched(self) -> int:
        """How many readers there are now."""
        return int(library().dds_get_matched_subscriptions(self.handle, None, 0))

    def wait_for_acks(self, nanoseconds: int) -> bool:
        """Whether all reliable readers have everything, after at most so long."""
        return bool(library().dds_wait_for_acks(self.handle, nanoseconds) == 0)

    def instance_handle(self) -> int:
        """The handle that names this writer in its own process."""
        value = ct.c_uint64()
        check(library().dds_get_instance_handle(self.handle, ct.byref(value)), 'handle')
        return value.value


class Reader(Endpoint):
    """Receives serialised messages of one topic."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        condition = library().dds_create_readcondition(self.handle, cyclone.ANY_STATE)
        self.condition = check(condition, 'read condition')

    def take(self) -> tuple[bytes, SampleInfo] | None:
        """The oldest message that waits, as CDR in this machine's byte order; None without one."""
        dds, serdata, info = library(), ct.c_void_p(), SampleInfo()
        take, out, about = dds.dds_takecdr, ct.byref(serdata), ct.byref(info)
        with self._lock:
            while not self._deleted and take(self.handle, out, 1, about, cyclone.ANY_STATE) == 1:
                try:
                    if info.valid_data:  # else it only tells that a writer is gone
                        return _copy(serdata), info
                finally:
                    dds.ddsi_serdata_unref(serdata)
        return None


def _copy(serdata: ct.c_void_p) -> bytes:
    dds, buffer = library(), Buffer()
    size = dds.ddsi_serdata_size(serdata)
    reference = dds.ddsi_serdata_to_ser_ref(serdata, 0, size, ct.byref(buffer))
    try:
        return ct.string_at(buffer.data, size)
    finally:
        dds.ddsi_serdata_to_ser_unref(reference, ct.byref(buffer))


class Guard(DdsEntity):
    """Wakes a wait set from any thread, until it is cleared."""

    def __init__(self, participant: Participant) -> None:
        handle = library().dds_create_guardcondition(participant.handle)
        super().__init__(handle, 'guard condition')

    def trigger(self) -> None:
        """Wake whoever waits."""
        library().dds_set_guardcondition(self.handle, True)

    def clear(self) -> None:
        """Be quiet until the next trigger."""
        library().dds_set_guardcondition(self.handle, False)


class WaitSet(DdsEntity):
    """Waits for the first of many handles."""

    def __init__(self, participant: Participant) -> None:
        super().__init__(library().dds_create_waitset(participant.handle), 'wait set')
        self._attached: set[int] = set()

    def attach_only(self, handles: set[int]) -> None:
        """Attach these handles and detach all others; deleted ones do no harm."""
        for handle in self._attached - handles:
            library().dds_waitset_detach(self.handle, handle)
        self._attached &= handles
        for handle in handles - self._attached:
            if library().dds_waitset_attach(self.handle, handle, handle) >= 0:
                self._attached.add(handle)

    def wait(self, nanoseconds: int) -> list[int]:
        """The attached handles that are ready, after at most so long."""
        room = len(self._attached)
        ready = (ct.c_ssize_t * room)()
        count = library().dds_waitset_wait(self.handle, ready, room, nanoseconds)
        return list(ready[: max(0, min(count, room))])
