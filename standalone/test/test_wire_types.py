# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest
from ros2_standalone import MESSAGE_PACKAGES
from ros2_standalone.definitions import definitions
from ros2_standalone.errors import StandaloneError
from ros2_standalone.exceptions import RCLError
from ros2_standalone.messages import message_class
from ros2_standalone.qos import QoSProfile
from ros2_standalone.serialization import deserialize_message, serialize_message
from ros2_standalone.wire_types import (
    _member,
    dds_type_name,
    operations,
    ros_type_name,
    type_hash,
)
from rosbags.interfaces import Nodetype

STRING, IMAGE = 'std_msgs/msg/String', 'sensor_msgs/msg/Image'


def filled(kind: Any, number: int = 1) -> Any:
    """A value of every field that is not the default one, two of each where there may be more."""
    message = kind()
    for name, field in kind.__fields__.items():
        value = getattr(message, name)
        if isinstance(value, (bool, int, float)):
            setattr(message, name, type(value)(number))
        elif isinstance(value, str):
            setattr(message, name, 'x' * number)
        elif isinstance(value, array):
            value.extend([1, 2])
        elif isinstance(value, np.ndarray):
            value[:] = number
        elif isinstance(value, list) and not value:
            setattr(message, name, elements(field.text, number))
        elif hasattr(value, '__fields__'):
            setattr(message, name, filled(type(value), number))
    return message


def elements(text: str, number: int) -> list[Any]:
    kind, _, bound = text.removeprefix('sequence<').rstrip('>').partition(', ')
    if '/' in kind:
        made = message_class(kind.replace('/', '/msg/'))
        return [filled(made, number + i) for i in range(int(bound or 2))]
    return {'string': ['', 'ab'], 'boolean': [True, False], 'octet': [b'a', b'b']}[kind]


TYPES = [
    name
    for name in definitions().fielddefs
    if name.split('/')[0] in (*MESSAGE_PACKAGES, 'std_srvs')
]


@pytest.mark.parametrize('name', sorted(TYPES))
def test_every_type_of_ros_passes(connect: Any, name: str) -> None:
    kind = message_class(name)
    writer, reader = connect(QoSProfile(depth=5), name)
    header = bytes(16) if '/srv/' in name else b''
    for message in (kind(), filled(kind)):
        data = serialize_message(message)
        writer.write(data[:4] + header + data[4:])
        taken, _ = reader.take()  # type: ignore[misc]
        assert deserialize_message(taken[:4] + taken[4 + len(header) :], kind) == message
    with pytest.raises(RCLError):
        writer.write(data[:4] + header + data[4:-1])  # cut off


@pytest.mark.parametrize(
    ('name', 'sha256'),
    [  # from rosidl_generator_type_description of Jazzy
        (STRING, 'df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18'),
        (IMAGE, 'd31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47'),
        (
            'rmw_dds_common/msg/ParticipantEntitiesInfo',  # holds chars
            '91a0593bacdcc50ea9bdcf849a938b128412cc1ea821245c663bcd26f83c295e',
        ),
        (
            'std_srvs/srv/SetBool_Request',
            'c62fbb99d94e1b25e8ef9e109f9581956bb1b3361a45a4e5810c36a90d29932e',
        ),
        (
            'rcl_interfaces/srv/SetParameters_Request',
            '130d46386b7e84ea9ecf60608a4d83cbe5e5cb7c6cc5b712b7a4e3a6c254e932',
        ),
    ],
)
def test_type_hashes_are_those_of_ros(name: str, sha256: str) -> None:
    assert type_hash(name) == f'RIHS01_{sha256}'


def test_type_names_are_those_of_ros() -> None:
    assert dds_type_name(IMAGE) == 'sensor_msgs::msg::dds_::Image_'
    assert ros_type_name('sensor_msgs::msg::dds_::Image_') == IMAGE
    request = 'std_srvs/srv/SetBool_Request'
    assert dds_type_name(request) == 'std_srvs::srv::dds_::SetBool_Request_'
    assert ros_type_name(dds_type_name(request)) == request
    assert ros_type_name('HelloWorld') == 'HelloWorld'
    with pytest.raises(StandaloneError, match='words is a wstring, which can not be sent'):
        _member((Nodetype.BASE, ('wstring', 0)), 'words')
    with pytest.raises(StandaloneError, match='my_msgs/msg/Mine is not a message type'):
        operations('my_msgs/msg/Mine')
