# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The part of Cyclone DDS's C interface (dds/dds.h and dds/ddsi/ddsi_serdata.h of 11.0) used here.

The `cyclonedds` package brings the library. Its Python classes are passed over: they would
deserialise every message a second time, hold the interpreter while they send, announce types in a
way that Fast DDS 3 refuses, and delete what they own when the garbage collector pleases.
"""

from __future__ import annotations

import ctypes as ct
import importlib.util
import runpy
from functools import cache
from pathlib import Path
from typing import Any

from ros2_standalone.errors import StandaloneError

from .exceptions import RCLError

INFINITY = 2**63 - 1  # DDS_INFINITY, nanoseconds
ANY_STATE = 3 | 12 | 112  # samples read or not, instances new or not, alive or not
DATA = 2  # SDK_DATA: a whole message, not only a key

OFFERED_INCOMPATIBLE_QOS = 1 << 3
REQUESTED_INCOMPATIBLE_QOS = 1 << 4

# Handles of the built-in topics.
PARTICIPANTS, PUBLICATIONS, SUBSCRIPTIONS = 0x7FFF0001, 0x7FFF0003, 0x7FFF0004

Entity, Status, Qos = ct.c_int32, ct.c_int32, ct.c_void_p
Guid = ct.c_uint8 * 16


class Buffer(ct.Structure):
    """struct iovec: a serialised message."""

    _fields_ = (('data', ct.c_void_p), ('size', ct.c_size_t))


class TypeMetadata(ct.Structure):
    """struct dds_type_meta_ser."""

    _fields_ = (('data', ct.c_void_p), ('size', ct.c_uint32))


class TopicDescriptor(ct.Structure):
    """dds_topic_descriptor_t: a type, as a program that checks and swaps its serialised form."""

    _fields_ = (
        ('size', ct.c_uint32),
        ('align', ct.c_uint32),
        ('flags', ct.c_uint32),
        ('key_count', ct.c_uint32),
        ('type_name', ct.c_char_p),
        ('keys', ct.c_void_p),
        ('op_count', ct.c_uint32),
        ('ops', ct.POINTER(ct.c_uint32)),
        ('meta', ct.c_char_p),
        ('type_information', TypeMetadata),
        ('type_mapping', TypeMetadata),
        ('representations', ct.c_uint32),
    )

    RESTRICT_REPRESENTATION = 1 << 7
    XCDR1 = 1 << 0


class SampleInfo(ct.Structure):
    """dds_sample_info_t."""

    _fields_ = (
        ('sample_state', ct.c_uint),
        ('view_state', ct.c_uint),
        ('instance_state', ct.c_uint),
        ('valid_data', ct.c_bool),
        ('source_timestamp', ct.c_int64),
        ('instance_handle', ct.c_uint64),
        ('publication_handle', ct.c_uint64),
        ('disposed_generation_count', ct.c_uint32),
        ('no_writers_generation_count', ct.c_uint32),
        ('sample_rank', ct.c_uint32),
        ('generation_rank', ct.c_uint32),
        ('absolute_generation_rank', ct.c_uint32),
    )

    ALIVE = 16


class EndpointSample(ct.Structure):
    """dds_builtintopic_endpoint_t."""

    _fields_ = (
        ('key', Guid),
        ('participant', Guid),
        ('participant_instance', ct.c_uint64),
        ('topic_name', ct.c_char_p),
        ('type_name', ct.c_char_p),
        ('qos', ct.c_void_p),
    )


class ParticipantSample(ct.Structure):
    """dds_builtintopic_participant_t."""

    _fields_ = (('key', Guid), ('qos', ct.c_void_p))


class IncompatibleQos(ct.Structure):
    """dds_{offered,requested}_incompatible_qos_status_t."""

    _fields_ = (
        ('total_count', ct.c_uint32),
        ('total_count_change', ct.c_int32),
        ('last_policy_id', ct.c_uint32),
    )


_INT, _BOOL, _SIZE, _TIME, _OUT = ct.c_int, ct.c_bool, ct.c_size_t, ct.c_int64, ct.c_void_p
# Function -> its result and its arguments.
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    'dds_strretcode': (ct.c_char_p, Status),
    'dds_free': (None, ct.c_void_p),
    'dds_create_topic': (Entity, Entity, ct.POINTER(TopicDescriptor), ct.c_char_p, Qos, _OUT),
    'dds_get_entity_sertype': (Status, Entity, _OUT),
    'ddsi_serdata_from_ser_iov': (ct.c_void_p, ct.c_void_p, _INT, _SIZE, _OUT, _SIZE),
    'ddsi_serdata_size': (ct.c_uint32, ct.c_void_p),
    'ddsi_serdata_to_ser_ref': (ct.c_void_p, ct.c_void_p, _SIZE, _SIZE, _OUT),
    'ddsi_serdata_to_ser_unref': (None, ct.c_void_p, _OUT),
    'ddsi_serdata_unref': (None, ct.c_void_p),
    'dds_delete': (Status, Entity),
    'dds_create_domain': (Entity, ct.c_uint32, ct.c_char_p),
    'dds_create_participant': (Entity, ct.c_uint32, Qos, ct.c_void_p),
    'dds_create_writer': (Entity, Entity, Entity, Qos, ct.c_void_p),
    'dds_create_reader': (Entity, Entity, Entity, Qos, ct.c_void_p),
    'dds_create_readcondition': (Entity, Entity, ct.c_uint32),
    'dds_create_guardcondition': (Entity, Entity),
    'dds_set_guardcondition': (Status, Entity, _BOOL),
    'dds_create_waitset': (Entity, Entity),
    'dds_waitset_attach': (Status, Entity, Entity, ct.c_ssize_t),
    'dds_waitset_detach': (Status, Entity, Entity),
    'dds_waitset_wait': (Status, Entity, _OUT, _SIZE, _TIME),
    'dds_writecdr': (Status, Entity, ct.c_void_p),
    'dds_takecdr': (Status, Entity, _OUT, ct.c_uint32, _OUT, ct.c_uint32),
    'dds_take': (Status, Entity, _OUT, _OUT, _SIZE, ct.c_uint32),
    'dds_return_loan': (Status, Entity, _OUT, ct.c_int32),
    'dds_get_guid': (Status, Entity, _OUT),
    'dds_get_instance_handle': (Status, Entity, _OUT),
    'dds_set_status_mask': (Status, Entity, ct.c_uint32),
    'dds_get_matched_subscriptions': (Status, Entity, _OUT, _SIZE),
    'dds_get_matched_publications': (Status, Entity, _OUT, _SIZE),
    'dds_get_matched_subscription_data': (ct.POINTER(EndpointSample), Entity, ct.c_uint64),
    'dds_get_matched_publication_data': (ct.POINTER(EndpointSample), Entity, ct.c_uint64),
    'dds_builtintopic_free_endpoint': (None, ct.POINTER(EndpointSample)),
    'dds_get_offered_incompatible_qos_status': (Status, Entity, _OUT),
    'dds_get_requested_incompatible_qos_status': (Status, Entity, _OUT),
    'dds_wait_for_acks': (Status, Entity, _TIME),
    'dds_create_qos': (Qos,),
    'dds_delete_qos': (None, Qos),
    'dds_qset_userdata': (None, Qos, ct.c_char_p, _SIZE),
    'dds_qset_history': (None, Qos, _INT, ct.c_int32),
    'dds_qset_reliability': (None, Qos, _INT, _TIME),
    'dds_qset_durability': (None, Qos, _INT),
    'dds_qset_durability_service': (None, Qos, _TIME, _INT, *[ct.c_int32] * 4),
    'dds_qset_lifespan': (None, Qos, _TIME),
    'dds_qset_deadline': (None, Qos, _TIME),
    'dds_qset_liveliness': (None, Qos, _INT, _TIME),
    'dds_qset_ignorelocal': (None, Qos, _INT),
    'dds_qset_writer_data_lifecycle': (None, Qos, _BOOL),
    'dds_qget_userdata': (_BOOL, Qos, _OUT, _OUT),
    'dds_qget_history': (_BOOL, Qos, _OUT, _OUT),
    'dds_qget_reliability': (_BOOL, Qos, _OUT, _OUT),
    'dds_qget_durability': (_BOOL, Qos, _OUT),
    'dds_qget_lifespan': (_BOOL, Qos, _OUT),
    'dds_qget_deadline': (_BOOL, Qos, _OUT),
    'dds_qget_liveliness': (_BOOL, Qos, _OUT, _OUT),
}


@cache
def library() -> Any:
    """Cyclone DDS; its calls let other Python threads run. StandaloneError where it is missing."""
    package = importlib.util.find_spec('cyclonedds')
    try:
        if package is None or package.origin is None:
            raise ImportError('No module named cyclonedds')
        # The package's own note of where its library is; to import the package takes much longer.
        path = runpy.run_path(str(Path(package.origin).with_name('__library__.py')))
        handle = ct.CDLL(str(path['library_path']))
    except (ImportError, OSError) as error:
        raise StandaloneError(
            'without ROS 2, nodes need Cyclone DDS: pip install cyclonedds (Python 3.10 to 3.13; '
            f'{str(error).splitlines()[0]})'
        ) from error
    for name, (result, *arguments) in FUNCTIONS.items():
        function = getattr(handle, name)
        function.restype, function.argtypes = result, arguments
    return handle


def check(code: int, what: str) -> int:
    """The result of a call; RCLError where it is a failure."""
    if code < 0:
        reason = library().dds_strretcode(code).decode()
        raise RCLError(f'{what}: {reason} (Cyclone DDS)')
    return code
