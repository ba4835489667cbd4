# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Everything that knows a ROS message.

Importing this package makes `from sensor_msgs.msg import Image` work below it, with and without an
installation of ROS 2.
"""

from mdepth_ros import ros2

# Whether rclpy and the messages are our own, and not those of an installed ROS 2.
STANDALONE = ros2.ensure()
