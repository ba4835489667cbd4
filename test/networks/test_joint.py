# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The joint network against the sizes of the paper and the equalities it promises."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from mdepth_ros.errors import MdepthError
from mdepth_ros.networks import JointDepthPose, NetworkConfig, disparity_to_depth


def count(module: nn.Module | None) -> int:
    assert module is not None
    return sum(parameter.numel() for parameter in module.parameters())


def images(batch: int = 2, height: int = 64, width: int = 96, seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(batch, 3, height, width, generator=generator) for _ in range(2)]


def small(**options: Any) -> JointDepthPose:
    torch.manual_seed(1)
    return JointDepthPose(NetworkConfig(width=0.25, **options))


def opened(network: JointDepthPose) -> JointDepthPose:
    """Give gate and beta values, so that cues and attention take part."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith(('gate', 'beta')):
                parameter.fill_(0.7)
    return network


def test_parameter_counts_at_width_one() -> None:
    network = JointDepthPose(NetworkConfig(cues_gate=False))
    attention = count(network.pose_decoder.attention)
    assert count(network.depth_encoder) == 11_176_512
    assert count(network.motion_encoder) == 11_185_920
    assert count(network.depth_encoder) + count(network.depth_decoder) == 14_329_236
    assert count(network.cues) == 1_120_256
    assert attention == 3_925
    assert count(network.pose_decoder) - attention == 1_314_572
    depth_path = count(network) - count(network.pose_decoder)
    assert depth_path == 26_635_412  # 26.64 M
    assert count(JointDepthPose(NetworkConfig(cues_gate=True))) == count(network) + 1


def test_posecnn_has_its_published_size_and_gives_six_votes() -> None:
    config = NetworkConfig(motion='posecnn', cues=False, attention='elementwise')
    network = JointDepthPose(config)
    # Seven layers and the 1x1 convolution, weights and biases, counted by hand.
    seven = 6 * 16 * 49 + 16 * 32 * 25 + 9 * (32 * 64 + 64 * 128 + 128 * 256 + 2 * 256 * 256)
    assert count(network.motion_encoder) == seven + 16 + 32 + 64 + 128 + 3 * 256
    assert count(network.pose_decoder) - count(network.pose_decoder.attention) == 256 * 6 + 6
    assert network.motion_encoder(torch.rand(1, 6, 192, 640))[-1].shape == (1, 256, 2, 5)
    network.load_imagenet(JointDepthPose().depth_encoder.state_dict())


def test_posecnn_tells_the_order_of_the_frames_and_learns() -> None:
    network = opened(small(motion='posecnn', cues=False, attention='channel'))
    previous, current = images()
    _, pose = network(previous, current)
    assert not torch.allclose(network.pose(current, previous), pose)
    pose.square().sum().backward()
    assert all(
        p.grad is not None and bool(p.grad.abs().sum() > 0)
        for p in (*network.motion_encoder.parameters(), *network.pose_decoder.parameters())
    )


def test_width_multiplies_the_channels_in_multiples_of_eight() -> None:
    network = JointDepthPose(NetworkConfig(width=0.375))
    assert network.depth_encoder.channels == [24, 24, 48, 96, 192]
    decoder = [layer.out_channels for layer in network.depth_decoder.reduce]  # type: ignore[union-attr]
    assert decoder == [8, 16, 24, 48, 96]
    assert count(network) == 3_952_158


@pytest.mark.parametrize('encoder', ['resnet18', 'resnet34', 'resnet50'])
def test_outputs_have_their_shapes_and_ranges(encoder: str) -> None:
    network = JointDepthPose(NetworkConfig(encoder=encoder, width=0.125)).eval()
    with torch.no_grad():
        disparities, pose = network(*images())
    assert [tuple(d.shape) for d in disparities] == [
        (2, 1, 64, 96), (2, 1, 32, 48), (2, 1, 16, 24), (2, 1, 8, 12)
    ]  # fmt: skip
    assert all(bool((d > 0).all() and (d < 1).all()) for d in disparities)
    assert pose.shape == (2, 6)


@pytest.mark.parametrize('attention', ['elementwise', 'pairwise', 'gate'])
def test_closed_gate_and_zero_beta_compute_the_plain_network(attention: str) -> None:
    joint = small(attention=attention).eval()
    plain = small(attention='none', cues=False).eval()
    shared = plain.state_dict().keys()
    plain.load_state_dict({k: v for k, v in joint.state_dict().items() if k in shared})
    with torch.no_grad():
        disparities, pose = joint(*images())
        plain_disparities, plain_pose = plain(*images())
    assert all(torch.equal(a, b) for a, b in zip(disparities, plain_disparities, strict=True))
    assert torch.equal(pose, plain_pose)
    with torch.no_grad():
        opened_disparities, opened_pose = opened(joint)(*images())
    assert not torch.equal(opened_disparities[0], disparities[0])
    assert not torch.equal(opened_pose, pose)


def test_motion_encoder_runs_once_in_a_forward() -> None:
    network = small()
    calls = []
    network.motion_encoder.register_forward_hook(lambda *_: calls.append('motion'))
    network.depth_encoder.register_forward_hook(lambda *_: calls.append('depth'))
    network(*images())
    assert sorted(calls) == ['depth', 'motion']
    network.pose(*images())
    assert sorted(calls) == ['depth', 'motion', 'motion']


def test_use_cues_switches_them_off_for_single_samples() -> None:
    network = opened(small()).eval()
    previous, current = images()
    with torch.no_grad():
        everywhere, pose = network(previous, current)
        mixed, mixed_pose = network(previous, current, use_cues=torch.tensor([True, False]))
        nowhere, _ = network(previous, current, use_cues=torch.tensor([False, False]))
        single, _ = network(current, current, use_cues=torch.tensor([False, False]))
    torch.testing.assert_close(mixed[0][0], everywhere[0][0])
    torch.testing.assert_close(mixed[0][1], nowhere[0][1])
    assert not torch.allclose(everywhere[0][1], nowhere[0][1])
    assert torch.equal(nowhere[0], single[0])  # without cues the previous frame plays no part
    assert torch.equal(pose, mixed_pose)


def test_pose_alone_equals_the_joint_pose_and_depends_on_the_order() -> None:
    network = opened(small()).eval()
    previous, current = images()
    with torch.no_grad():
        _, pose = network(previous, current)
        assert torch.equal(network.pose(previous, current), pose)
        assert not torch.allclose(network.pose(current, previous), pose)


def test_fewer_scales_leave_the_full_size_unchanged() -> None:
    network = small().eval()
    with torch.no_grad():
        all_scales, _ = network(*images())
        one, _ = network(*images(), scales=1)
    assert len(one) == 1
    assert torch.equal(one[0], all_scales[0])


def test_depth_loss_reaches_the_motion_encoder_and_the_gates() -> None:
    network = small().train()
    disparities, _ = network(*images())
    disparities[0].mean().backward()
    assert network.cues is not None and network.cues.gate is not None
    assert network.cues.gate.grad is not None and network.cues.gate.grad.abs() > 0
    network.zero_grad()
    opened(network)
    disparities, _ = network(*images())
    disparities[0].mean().backward()
    gradient = network.motion_encoder.conv1.weight.grad
    assert gradient is not None and bool(gradient.abs().sum() > 0)


def test_pose_scales_and_disparity_bias() -> None:
    slow = small(attention='none').eval()
    fast = small(attention='none', rotation_scale=0.02, translation_scale=0.1).eval()
    biased = small(disparity_bias=-3.0).eval()
    with torch.no_grad():
        _, pose = slow(*images())
        _, scaled = fast(*images())
        disparities, _ = biased(*images())
    factors = torch.tensor([2.0, 2.0, 2.0, 10.0, 10.0, 10.0])
    torch.testing.assert_close(scaled, pose * factors)
    start = torch.sigmoid(torch.tensor(-3.0))
    assert all(bool((d / start - 1).abs().median() < 0.5) for d in disparities)
    depth = biased.depth(disparities[0])
    assert 1.5 < float(depth.median()) < 3.0


def test_normalisation_is_inside() -> None:
    plain = small(mean=0.0, std=1.0).eval()
    usual = small().eval()
    previous, current = images()
    with torch.no_grad():
        disparities, pose = usual(previous, current)
        same, same_pose = plain((previous - 0.45) / 0.225, (current - 0.45) / 0.225)
    torch.testing.assert_close(disparities[0], same[0])
    torch.testing.assert_close(pose, same_pose)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_cast_network_gives_float32_close_to_full_precision(dtype: torch.dtype) -> None:
    network = opened(small(disparity_bias=-3.0)).eval()
    cast = copy.deepcopy(network).to(dtype).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    assert cast.depth_encoder.conv1.weight.dtype == dtype
    with torch.no_grad():
        disparities, pose = network(*images())
        close, close_pose = cast(*images())
        half_input, _ = cast(*(image.to(dtype) for image in images()))
    assert all(d.dtype == torch.float32 for d in (*close, close_pose, *half_input))
    ratio = network.depth(close[0]) / network.depth(disparities[0])
    assert float((ratio - 1).abs().median()) < 0.005
    assert float((close_pose - pose).norm() / pose.norm()) < 0.05


def test_autocast_gives_float32_and_gradients() -> None:
    network = opened(small(attention='pairwise')).train()
    with torch.autocast('cpu', torch.bfloat16):
        disparities, pose = network(*images())
    assert all(d.dtype == torch.float32 for d in (*disparities, pose))
    (disparities[0].mean() + pose.sum()).backward()
    assert all(
        p.grad is not None and bool(p.grad.isfinite().all())
        for name, p in network.named_parameters()
        if not name.startswith('depth_decoder.heads.')
    )


def test_heads_keep_every_bit_through_a_cast_and_back() -> None:
    network = small()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    after = network.to(torch.bfloat16).float().state_dict()
    kept = {name for name in before if torch.equal(before[name], after[name])}
    assert {f'depth_decoder.heads.{i}.weight' for i in range(4)} <= kept
    assert {'pose_decoder.votes.weight', 'pose_decoder.attention.value.weight'} <= kept
    assert 'depth_encoder.conv1.weight' not in kept


def test_a_graph_can_be_traced() -> None:
    network = opened(small()).eval()
    program = torch.export.export(network, tuple(images()), strict=False)
    with torch.no_grad():
        disparities, pose = network(*images(seed=5))
        traced, traced_pose = program.module()(*images(seed=5))
    torch.testing.assert_close(traced[0], disparities[0])
    torch.testing.assert_close(traced_pose, pose)


def test_disparity_to_depth_at_its_ends_and_between() -> None:
    depth = disparity_to_depth(torch.tensor([0.0, 1.0, 0.5]), (0.1, 100.0))
    torch.testing.assert_close(depth, torch.tensor([100.0, 0.1, 2 / (0.01 + 10.0)]))


@pytest.mark.parametrize(
    'options',
    [
        {'encoder': 'vgg'},
        {'attention': 'spatial'},
        {'motion': 'posecnn'},  # with cues
        {'motion': 'lstm', 'cues': False},
        {'width': 0.0},
        {'depth_range': (1.0, 1.0)},
        {'depth_range': (0.0, 10.0)},
        {'std': 0.0},
    ],
)
def test_config_refuses_what_cannot_be_built(options: dict[str, Any]) -> None:
    with pytest.raises(MdepthError):
        NetworkConfig(**options)


def test_image_sizes_that_do_not_divide_are_named() -> None:
    with pytest.raises(MdepthError, match='of 100x64: the sides'):
        small()(*images(width=100))


def test_under_autocast_the_decoder_pads_in_half_precision(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Autocast of a CPU has it in float32, with a copy there and back for each layer."""
    pad = nn.functional.pad
    seen: list[torch.dtype] = []

    def noted(*arguments: Any, **options: Any) -> Tensor:
        padded = pad(*arguments, **options)
        seen.append(padded.dtype)
        return padded

    monkeypatch.setattr(nn.functional, 'pad', noted)
    with torch.autocast('cpu', torch.bfloat16):
        small()(*images())
    assert seen == [torch.bfloat16] * 14
