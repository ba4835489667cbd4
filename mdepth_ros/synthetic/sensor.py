# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The camera's sensor: from radiance to an 8-bit image."""

import torch
from torch import Tensor

from mdepth_ros.synthetic.config import Random
from mdepth_ros.synthetic.look import Look


def expose(radiance: Tensor, look: Look, time: float, random: Random) -> Tensor:
    """Image uint8 [H, W, 3] of a radiance [H, W, 3] at `time` seconds; random: of this frame."""
    height, width, _ = radiance.shape
    device = radiance.device
    # The camera meters what is not overexposed anyway, like a real one that protects mid-tones.
    mean = float(radiance.clamp_max(1.0).mean())
    drift = float(look.waver(torch.tensor(time, dtype=torch.float64)))
    gain = look.gain * (look.level / max(mean, 0.02)) ** look.adapt * (1 + look.drift * drift)
    radiance = radiance * gain * torch.tensor(look.balance, device=device)
    if look.vignette > 0:
        v = torch.linspace(-1, 1, height, device=device)[:, None] * (height / width)
        u = torch.linspace(-1, 1, width, device=device)[None]
        radiance = radiance * (1 - look.vignette * (u * u + v * v))[..., None]
    if look.blur > 0.1:
        radiance = _blur(radiance, look.blur)
    image = radiance.clamp(0.0, 1.0) ** (1.0 / look.gamma)
    if look.sharpen > 0:
        image = (image + look.sharpen * (image - _blur(image, 1.0))).clamp_(0.0, 1.0)
    if look.black > 0:
        image = ((image - look.black) / (1 - look.black)).clamp_(0.0, 1.0)
    if look.contrast > 0:
        image = torch.lerp(image, image * image * (3 - 2 * image), look.contrast)
    read, photon = look.noise
    if read > 0 or photon > 0:
        noise = torch.randn(height, width, 3, generator=random.generator).to(device)
        image = image + noise * (read + photon * image.sqrt())
    return (image * 255).round().clamp(0, 255).to(torch.uint8)


def _blur(image: Tensor, sigma: float) -> Tensor:
    """Blur [H, W, 3] by a Gaussian of three taps per direction."""
    side = float(torch.exp(torch.tensor(-0.5 / sigma**2)))
    for dim in (0, 1):
        size = image.shape[dim]
        before = torch.cat([image.narrow(dim, 0, 1), image.narrow(dim, 0, size - 1)], dim)
        after = torch.cat([image.narrow(dim, 1, size - 1), image.narrow(dim, size - 1, 1)], dim)
        image = (image + side * (before + after)) / (1 + 2 * side)
    return image
