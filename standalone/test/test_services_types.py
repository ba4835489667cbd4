# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

import pytest
from ros2_standalone.definitions import SERVICES, definitions
from ros2_standalone.messages import message_class
from ros2_standalone.serialization import deserialize_message, serialize_message
from ros2_standalone.service_types import public, service_class


def test_what_packages_hold() -> None:
    assert set(public('std_srvs.srv')) == {'Empty', 'SetBool', 'Trigger'}
    assert 'SetParametersAtomically' in public('rcl_interfaces.srv')
    assert public('sensor_msgs.srv') == {}


@pytest.mark.parametrize('name', sorted(SERVICES))
def test_services_look_like_generated_ones(name: str) -> None:
    srv_type = service_class(name)
    short = name.split('/')[-1]
    assert srv_type.__name__ == short
    assert srv_type.__module__ == name.rpartition('/')[0].replace('/', '.')
    assert srv_type.Request.__name__ == f'{short}_Request'
    assert srv_type.Response.__module__ == srv_type.__module__
    with pytest.raises(NotImplementedError):
        srv_type()


@pytest.mark.parametrize('name', sorted(SERVICES))
def test_requests_and_responses_go_over_the_wire(name: str) -> None:
    for part in (service_class(name).Request, service_class(name).Response):
        message = part()
        data = serialize_message(message)
        assert deserialize_message(data, part) == message
        theirs = definitions().deserialize_cdr(data, part.__msgtype__)
        assert bytes(definitions().serialize_cdr(theirs, part.__msgtype__)) == data


def test_fields_are_kept_and_checked() -> None:
    trigger = service_class('std_srvs/srv/Trigger')
    response = trigger.Response(success=True, message='done')
    # XCDR1: header, bool, padding to 4, length with the terminator, text.
    expected = b'\0\1\0\0' + b'\1\0\0\0' + b'\5\0\0\0done\0'
    assert serialize_message(response) == expected
    assert deserialize_message(expected, trigger.Response) == response
    with pytest.raises(AssertionError, match='success'):
        response.success = 1
    with pytest.raises(AssertionError, match='no field'):
        trigger.Request(success=True)


def test_an_empty_request_is_one_byte() -> None:
    request = service_class('std_srvs/srv/Trigger').Request
    assert serialize_message(request()) == b'\0\1\0\0\0'


def test_nested_messages_and_constants() -> None:
    listing: Any = service_class('rcl_interfaces/srv/ListParameters')
    assert listing.Request.DEPTH_RECURSIVE == 0
    result = message_class('rcl_interfaces/msg/ListParametersResult')(names=['a', 'b'])
    response = listing.Response(result=result)
    assert deserialize_message(serialize_message(response), listing.Response).result == result
    types = service_class('rcl_interfaces/srv/GetParameterTypes').Response(types=[1, 2])
    assert types.types.tolist() == [1, 2]
