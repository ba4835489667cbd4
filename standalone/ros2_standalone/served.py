# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which modules of ROS 2 are served, with which names, and from where."""

from __future__ import annotations

MESSAGE_PACKAGES = (
    'builtin_interfaces',
    'diagnostic_msgs',
    'geometry_msgs',
    'nav_msgs',
    'rcl_interfaces',
    'rmw_dds_common',
    'rosgraph_msgs',
    'sensor_msgs',
    'std_msgs',
    'tf2_msgs',
)
SERVICE_PACKAGES = ('rcl_interfaces', 'std_srvs')

_EVENTS = (
    'PublisherEventCallbacks SubscriptionEventCallbacks QoSOfferedIncompatibleQoSInfo '
    'QoSRequestedIncompatibleQoSInfo'
)
_LIFE = 'get_rmw_implementation_identifier ok shutdown try_shutdown'
# Module of ROS 2 -> modules here, and the names of each that are served; '' for all that its
# public() says. Without modules: an empty package.
MODULES: dict[str, dict[str, str]] = {
    'rclpy': {
        'context': 'get_default_context',
        'signals': 'SignalHandlerOptions',
        'task': 'Future',
        'top_level': f'{_LIFE} create_node init spin spin_once spin_until_future_complete',
    },
    'rclpy.callback_groups': {
        'callback_groups': 'CallbackGroup MutuallyExclusiveCallbackGroup ReentrantCallbackGroup'
    },
    'rclpy.client': {'services': 'Client'},
    'rclpy.clock': {
        'clock': 'Clock ClockChange JumpHandle JumpThreshold ROSClock TimeJump',
        'time': 'ClockType',
    },
    'rclpy.clock_type': {'time': 'ClockType'},
    'rclpy.context': {'context': 'Context'},
    'rclpy.duration': {'time': 'Duration Infinite'},
    'rclpy.event_handler': {'events': _EVENTS, 'exceptions': 'UnsupportedEventTypeError'},
    'rclpy.exceptions': {
        'exceptions': 'InvalidHandle InvalidNamespaceException InvalidNodeNameException '
        'InvalidParameterException InvalidParameterTypeException InvalidParameterValueException '
        'InvalidServiceNameException InvalidTopicNameException NameValidationException '
        'NotInitializedException ParameterAlreadyDeclaredException ParameterException '
        'ParameterImmutableException '
        'ParameterNotDeclaredException ParameterUninitializedException RCLError '
        'RCLInvalidROSArgsError UnknownROSArgsError UnsupportedEventTypeError',
    },
    'rclpy.executors': {'executors': 'Executor ExternalShutdownException SingleThreadedExecutor'},
    'rclpy.logging': {
        'logging': 'LoggingSeverity get_logger get_logger_effective_level get_logger_level '
        'set_logger_level'
    },
    'rclpy.node': {'node': 'Node'},
    'rclpy.parameter': {
        'parameters': 'PARAMETER_SEPARATOR_STRING Parameter parameter_value_to_python'
    },
    'rclpy.publisher': {'topics': 'Publisher'},
    'rclpy.qos': {
        'qos': 'DurabilityPolicy HistoryPolicy LivelinessPolicy ReliabilityPolicy '
        'QoSDurabilityPolicy QoSHistoryPolicy QoSLivelinessPolicy QoSReliabilityPolicy '
        'InvalidQoSProfileException QoSCompatibility QoSPolicyKind QoSProfile '
        'qos_check_compatible qos_profile_default qos_profile_parameter_events '
        'qos_profile_parameters qos_profile_sensor_data qos_profile_services_default '
        'qos_profile_system_default qos_profile_unknown',
    },
    'rclpy.qos_event': {'events': _EVENTS, 'exceptions': 'UnsupportedEventTypeError'},
    'rclpy.qos_overriding_options': {
        'qos_overrides': 'InvalidQosOverridesError QoSOverridingOptions'
    },
    'rclpy.serialization': {'serialization': 'deserialize_message serialize_message'},
    'rclpy.service': {'services': 'Service'},
    'rclpy.signals': {
        'signals': 'SignalHandlerOptions install_signal_handlers uninstall_signal_handlers'
    },
    'rclpy.subscription': {'topics': 'Subscription'},
    'rclpy.task': {'task': 'Future'},
    'rclpy.time': {'time': 'Time Duration ClockType'},
    'rclpy.timer': {'timers': 'Timer'},
    'rclpy.topic_endpoint_info': {'node_graph': 'TopicEndpointInfo TopicEndpointTypeEnum'},
    'rclpy.utilities': {
        'arguments': 'remove_ros_args',
        'context': 'get_default_context get_default_domain_id',
        'top_level': _LIFE,
    },
    **{package: {} for package in (*MESSAGE_PACKAGES, *SERVICE_PACKAGES, 'sensor_msgs_py')},
    **{f'{package}.msg': {'messages': ''} for package in MESSAGE_PACKAGES},
    **{f'{package}.srv': {'service_types': ''} for package in SERVICE_PACKAGES},
    'tf2_ros': {
        'tf2': 'Buffer',
        'tf2_topics': 'StaticTransformBroadcaster TransformBroadcaster TransformListener',
        'transforms': 'ConnectivityException ExtrapolationException InvalidArgumentException '
        'LookupException TransformException',
    },
    'tf2_ros.buffer': {'tf2': 'Buffer'},
    'tf2_ros.static_transform_broadcaster': {'tf2_topics': 'StaticTransformBroadcaster'},
    'tf2_ros.transform_broadcaster': {'tf2_topics': 'TransformBroadcaster'},
    'tf2_ros.transform_listener': {'tf2_topics': 'TransformListener'},
    'cv_bridge': {'cv_bridge': 'CvBridge CvBridgeError'},
    'diagnostic_updater': {
        'diagnostics': 'DiagnosticStatusWrapper DiagnosticTask FunctionDiagnosticTask Updater'
    },
    'sensor_msgs_py.point_cloud2': {
        'point_cloud2': 'create_cloud create_cloud_xyz32 dtype_from_fields read_points '
        'read_points_list read_points_numpy',
    },
}
