# Copyright 2026 the mdepth_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shading: the light that comes back from what the rays meet."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mdepth_ros.geometry import pixel_grid
from mdepth_ros.synthetic.hills import Hills, height_of
from mdepth_ros.synthetic.look import Look
from mdepth_ros.synthetic.render import FIRST, GROUND, SKY, Placed
from mdepth_ros.synthetic.road import CROSSING_LENGTH, Road
from mdepth_ros.synthetic.scene import AXLE, CYLINDER, ELLIPSOID, OCTAVES, TANK
from mdepth_ros.synthetic.shadows import Shadows
from mdepth_ros.synthetic.textures import Noise, coverage, grid_pattern
from mdepth_ros.synthetic.trajectory import Path

CELL = 2.5  # metres between the points of the road lattice
REACH = 65.0  # metres from its centre to its edge


@dataclass(frozen=True)
class Rays:
    """Flat rays that meet one kind of surface: depth [N], direction x, y, z [N] in odom."""

    depth: Tensor
    x: Tensor
    y: Tensor
    z: Tensor
    origin: tuple[float, float, float]
    pixel: float  # size of a pixel at depth 1

    def select(self, index: Tensor) -> 'Rays':
        """Return the rays of these indices."""
        depth, x, y, z = (part[index] for part in (self.depth, self.x, self.y, self.z))
        return Rays(depth, x, y, z, self.origin, self.pixel)

    def points(self) -> tuple[Tensor, Tensor, Tensor]:
        """Where the rays end: x, y, z [N] in odom (float32)."""
        x, y, z = self.origin
        return x + self.depth * self.x, y + self.depth * self.y, z + self.depth * self.z


class Shader:
    """Colours what was hit; holds the tables of one drive on one device."""

    def __init__(
        self,
        look: Look,
        road: Road,
        path: Path,
        material: Tensor,
        device: torch.device,
        hills: Hills | None = None,
    ) -> None:
        self.look, self.road, self.path, self.device = look, road, path, device
        self.hills = hills
        self.noise = Noise(device)
        self.material = material.T.contiguous().to(device)
        rows = [paint.row() for paint in (look.road, look.pavement, look.verge)]
        self.ground_material = torch.tensor(rows, device=device).T.contiguous()
        self.tiled = any(max(paint.part) > 0 for paint in (look.road, look.pavement, look.verge))
        self.track = torch.cat([path.xy, path.heading[:, None]], 1)[::10]
        place = path.at(torch.tensor(road.crossings, dtype=torch.float64))
        turn = place[:, 2:]
        self.crossings = torch.cat([place[:, :2], turn.cos(), turn.sin()], 1).tolist()
        self.shadows: Shadows | None = None
        self.heights = torch.empty(0)
        self.track_s = path.start + torch.arange(len(self.track), dtype=torch.float64)

    def shade(self, surface: Tensor, rays: Rays, placed: Placed, heading: float) -> Tensor:
        """Radiance [3, N] of flat rays that meet `surface` [N]; heading: of the camera."""
        radiance = torch.zeros(3, len(surface), device=self.device)
        sky = (surface == SKY).nonzero()[:, 0]
        radiance[:, sky] = self._sky(rays.select(sky))
        ground = (surface == GROUND).nonzero()[:, 0]
        radiance[:, ground] = self._ground(rays.select(ground), heading)
        solid = (surface >= FIRST).nonzero()[:, 0]
        if len(solid):
            turn = placed.pose[:, 3]
            columns = [turn.cos(), turn.sin(), *placed.pose[:, :3].T, *placed.half.T]
            columns = [*columns, placed.index.double(), placed.kind.double()]
            if placed.ground is not None:
                foot = height_of(placed.ground, *placed.pose[:, :2].T)
                columns += [*placed.ground[:, :2].T, foot]
            shape = torch.stack(columns).float().to(self.device)
            which = surface[solid] - FIRST
            paint = self.material[:, placed.index.to(self.device)].index_select(1, which)
            some = rays.select(solid)
            radiance[:, solid] = self._solid(some, shape.index_select(1, which), paint)
        return radiance

    def _sky(self, rays: Rays) -> Tensor:
        look = self.look
        up = rays.z / (rays.x**2 + rays.y**2 + rays.z**2).sqrt()
        blend = (up.clamp_min(0) * 2.5).clamp_max(1.0)
        base = torch.lerp(self._colour(look.horizon), self._colour(look.zenith), blend)
        spread = 4.0 / (up.clamp_min(0) + 0.12)
        width = rays.pixel * spread * 4
        u, v = rays.x * spread, rays.y * spread
        puffs = self.noise.layers(u, v, width, count=3)
        amount = (puffs[0] * 0.9 + puffs[1] * 0.5 + puffs[2] * 0.3 + 2 * look.clouds - 1.0) * 1.2
        return torch.lerp(base, self._colour(look.cloud), amount.clamp(0, 1))

    def _ground(self, rays: Rays, heading: float) -> Tensor:
        road = self.road
        x, y, _ = rays.points()
        across = rays.depth * rays.pixel
        far = (rays.x**2 + rays.y**2).sqrt()
        facing: Tensor | float = self.look.sun[2]  # the sun
        if self.hills is None:
            along = across * rays.depth * far / rays.origin[2]
        else:
            a, b = self.hills.gradient(x, y)
            along = across * far / (a * rays.x + b * rays.y - rays.z).clamp_min(1e-4)
            facing = (facing - a * self.look.sun[0] - b * self.look.sun[1]).clamp_min(0.0)
        s, lateral, crossing = self._road_position(x, y, heading, rays.origin)
        middle, width = (road.left + road.right) / 2, (road.left - road.right) / 2
        on_road = torch.maximum(width - (lateral - middle).abs(), 4.2 - crossing)
        share_road = coverage(on_road, across)
        share_walk = coverage(on_road + road.pavement, across)
        off = 1 - share_road
        weight = torch.stack([share_road, share_walk * off, off * (1 - share_walk)])
        row = self.ground_material @ weight
        # Fine grain sticks to the world, streaks and tiles run along the road.
        blur = (across * along).sqrt() * 0.6 + 0.4 * along
        grain = self._grain(row, x, y, blur)
        streak = self.noise.layers(s / 12, lateral, torch.maximum(along / 12, across), 1, 3)
        mix = 0.5 + 0.5 * (grain * row[11 : 11 + OCTAVES]).sum(0) + 0.25 * streak.sum(0)
        colour = torch.lerp(row[0:3], row[3:6], mix.clamp(-0.3, 1.3))
        if self.tiled:
            tiles = grid_pattern(s, lateral, along, row[16:18], row[18:20], row[20])
            colour = torch.lerp(colour, row[6:9], tiles)
        if self.look.paint is not None:
            paint = torch.zeros_like(s)
            for position, dashed in road.lines:
                line = coverage(0.075 - (lateral - position).abs(), across)
                if dashed:
                    dash = coverage(1.5 - (s - 9.0 * (s / 9.0).round()).abs(), along)
                    line = line * dash
                paint = torch.maximum(paint, line)
            paint = paint * coverage(crossing - 5.5, along)
            worn = paint * (0.75 + 0.25 * grain[2] + 0.2 * grain[3])
            colour = torch.lerp(colour, self._colour(self.look.paint), worn.clamp(0, 1))
        sun = self.look.direct * facing + self._sheen(rays)
        light = (self.look.ambient + sun * self._sunlit(rays)) * self._patches(rays, along)
        return self._haze(colour.clamp_min(0.005) * light, rays)

    def _sheen(self, rays: Rays) -> Tensor | float:
        """Sunlight [N] that a grazing view of the ground sees beyond that of a matt one."""
        if self.look.sheen <= 0:
            return 0.0
        sun, length = self.look.sun, (rays.x**2 + rays.y**2 + rays.z**2).sqrt()
        mirrored = (rays.x * sun[0] + rays.y * sun[1] - rays.z * sun[2]) / length
        return self.look.direct * self.look.sheen * mirrored.clamp_min(0) ** 6

    def _sunlit(self, rays: Rays) -> Tensor | float:
        """Share of the sun's light that nothing keeps from the points [N]."""
        if self.shadows is None:
            return 1.0
        lit = self.shadows.lit(self.heights, *rays.points())
        return 1 - self.look.cast * (1 - lit)

    def _solid(self, rays: Rays, shape: Tensor, row: Tensor) -> Tensor:
        c, s, centre_x, centre_y, centre_z, *half, index, kind = shape[:10].unbind()
        x, y, z = rays.points()
        ox, oy, oz = x - centre_x, y - centre_y, z - centre_z
        if self.hills is not None:  # coordinates as if the ground were level, see Placed
            a_rise, b_rise, foot = shape[10:]
            oz = oz - a_rise * ox - b_rise * oy
            z = oz + centre_z - foot
        local = (c * ox + s * oy, c * oy - s * ox, oz)
        unit = [part / size for part, size in zip(local, half, strict=True)]
        # The face that was hit, on round things the face of the cube around them.
        a, b, d = (part.abs() for part in unit)
        top = (d >= a) & (d >= b)
        front = ~top & (a >= b)
        side = ~(top | front)
        u = torch.where(front, local[1], local[0])
        v = torch.where(top, local[1], local[2])
        curved = (kind == ELLIPSOID) | ((kind == CYLINDER) & ~top) | ((kind == AXLE) & ~side)
        curved = curved | ((kind == TANK) & ~front)
        parts = zip(unit, half, (front, side, top), strict=True)
        normal = [torch.where(curved, part / size, part * face) for part, size, face in parts]
        nx, ny, nz = torch.nn.functional.normalize(torch.stack(normal), dim=0).unbind()
        nx, ny = c * nx - s * ny, s * nx + c * ny
        if self.hills is not None:
            steep = torch.stack([nx - a_rise * nz, ny - b_rise * nz, nz])
            nx, ny, nz = torch.nn.functional.normalize(steep, dim=0).unbind()
        length = (rays.x**2 + rays.y**2 + rays.z**2).sqrt()
        facing = (rays.x * nx + rays.y * ny + rays.z * nz).abs() / length
        footprint = rays.depth * rays.pixel / (0.2 + 0.8 * facing)
        # Every face gets its own stretch of the noise.
        lot = index * 7.31 + 23.7 * side + 47.4 * top
        grain = self._grain(row, u + lot, v - lot, footprint)
        mix = 0.5 + 0.5 * (grain * row[11 : 11 + OCTAVES]).sum(0)
        colour = torch.lerp(row[0:3], row[3:6], mix.clamp(-0.3, 1.3))
        grid = grid_pattern(u, v, footprint, row[16:18], row[18:20], row[20]) * ~top
        glass = row[6:9] * (1 + 0.5 * grain[:3].sum(0))
        colour = torch.lerp(colour, glass, grid).clamp_min(0.005)
        sun = self.look.sun
        lambert = (nx * sun[0] + ny * sun[1] + nz * sun[2]).clamp_min(0)
        direct = self.look.direct * (lambert * self._sunlit(rays))
        light = self.look.ambient * (0.75 + 0.25 * nz) + direct
        light = light * (0.55 + 0.45 * (z / 1.2).clamp(0, 1))  # less light close to the ground
        shaded = colour * (light * self._patches(rays, footprint))
        # Glossy paint mirrors the sky: the more, the flatter the view.
        bounce = rays.z / length - 2 * nz * (rays.x * nx + rays.y * ny + rays.z * nz) / length
        mirror = row[21] * (0.15 + 0.6 * (1 - facing) ** 3) * (bounce * 3).clamp(0, 1)
        if self.look.glint > 0:
            mirror = mirror * (1 + self.look.glint * grid)
        return self._haze(torch.lerp(shaded, self._colour(self.look.horizon), mirror), rays)

    def _patches(self, rays: Rays, footprint: Tensor) -> Tensor:
        """Light that shadow patches let through [N], cast along the sun onto all surfaces."""
        if self.look.patches <= 0:
            return torch.ones_like(footprint)
        x, y, z = rays.points()
        sun, size = self.look.sun, 5.0 / self.look.patch
        u, v = (x - z * sun[0] / sun[2]) * size, (y - z * sun[1] / sun[2]) * size
        noise = self.noise.layers(u + 31.0, v + 57.0, footprint * size, count=2)
        return 1 - self.look.patches * ((noise[0] + 0.4 * noise[1] - 0.1) * 4).clamp(0, 1)

    def _haze(self, colour: Tensor, rays: Rays) -> Tensor:
        share = torch.exp(rays.depth * (-1 / self.look.haze))
        return torch.lerp(self._colour(self.look.horizon), colour, share)

    def _grain(self, row: Tensor, u: Tensor, v: Tensor, footprint: Tensor) -> Tensor:
        """Octaves [OCTAVES, N] of noise, squeezed as the materials [22, N] say."""
        finest = torch.maximum(row[9], row[10]) * footprint
        return self.noise.layers(u * row[9], v * row[10], finest)

    def _colour(self, colour: tuple[float, float, float]) -> Tensor:
        return torch.tensor(colour, device=self.device)[:, None]

    def _road_position(
        self, x: Tensor, y: Tensor, heading: float, origin: tuple[float, float, float]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Arc length, lateral and distance to the nearest crossing's centre line [N].

        Interpolated in a lattice that is fixed to odom, so that the road does not swim.
        """
        turn = torch.tensor(heading, dtype=torch.float64)
        ahead = torch.stack([turn.cos(), turn.sin()]) * (REACH - 20.0)
        corner = ((torch.tensor(origin[:2]).double() + ahead) / CELL).round() * CELL - REACH
        count = int(2 * REACH / CELL) + 1
        points = (pixel_grid(count, count, dtype=torch.float64) * CELL).reshape(-1, 2) + corner
        close = ((self.track[:, :2] - corner - REACH).abs() < 2 * REACH).all(-1).nonzero()[:, 0]
        track, track_s = self.track[close], self.track_s[close]
        gaps = torch.cdist((points - corner).float(), (track[:, :2] - corner).float())
        nearest = gaps.argmin(-1)
        foot = track[nearest]
        offset = points - foot[:, :2]
        c, n = foot[:, 2].cos(), foot[:, 2].sin()
        s = track_s[nearest] + c * offset[:, 0] + n * offset[:, 1]
        lateral = c * offset[:, 1] - n * offset[:, 0]
        crossing = torch.full_like(s, 1e3)
        for px, py, c, n in self.crossings:  # straight pieces of road across the path
            along = c * (points[:, 0] - px) + n * (points[:, 1] - py)
            across = c * (points[:, 1] - py) - n * (points[:, 0] - px)
            beyond = (across.abs() - CROSSING_LENGTH).clamp_min(0.0)
            crossing = torch.minimum(crossing, torch.hypot(along, beyond))
        field = torch.stack([s, lateral, crossing]).reshape(1, 3, count, count).float()
        gx = ((x - float(corner[0])) / CELL * 2 + 1) / count - 1
        gy = ((y - float(corner[1])) / CELL * 2 + 1) / count - 1
        grid = torch.stack([gx, gy], -1)[None, None]
        sampled = torch.nn.functional.grid_sample(
            field.to(self.device), grid, padding_mode='border', align_corners=False
        )[0, :, 0]
        return sampled[0], sampled[1], sampled[2]
