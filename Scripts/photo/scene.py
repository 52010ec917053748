"""What is in the picture: green apples on a wooden table beside a window. Lengths in apple radii, y is up."""

import numpy as np

import noise


def smoothstep(low, high, x):
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mixed(a, b, t):
    return a + (b - a) * t[:, None]


def rotation(tilt, towards, turn):
    """Turns about the own axis, then tilts that axis from the vertical towards a heading (radians)."""
    def about(axis, angle):
        c, s = np.cos(angle), np.sin(angle)
        a, b = [(1, 2), (2, 0), (0, 1)][axis]
        m = np.eye(3)
        m[a, a] = m[b, b] = c
        m[a, b], m[b, a] = -s, s
        return m
    return (about(1, -towards) @ about(2, -tilt) @ about(1, towards) @ about(1, turn)).astype(np.float32)


class Apple:
    """A spindle torus, stretched, tapered, lobed at both ends and dented at the top, where its stem is."""

    BOUND = 1.22  # Everything of it lies within this distance of its centre, in its own radii.
    RING, TUBE, STRETCH = 0.36, 0.64, 1.30

    def __init__(self, x, z, size, tilt, towards, turn, salt, blush=0.0, stem=1.0):
        self.size, self.salt, self.blush, self.stem = np.float32(size), salt, blush, stem
        self.frame = rotation(tilt, towards, turn)
        self.centre = np.zeros(3, np.float32)
        self.centre[:] = (x, -self.lowest(), z)

    def lowest(self):
        """The height of the lowest point over the centre: bisection along rays from it."""
        rng = np.random.default_rng(1)
        ways = rng.normal(size=(20000, 3)).astype(np.float32)
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        ways = ways[ways[:, 1] < -0.3]
        low, high = np.zeros(len(ways), np.float32), np.full(len(ways), 1.2, np.float32)
        for _ in range(30):
            middle = (low + high) / 2
            inside = self.body((ways * middle[:, None]) @ self.frame) < 0
            low, high = np.where(inside, middle, low), np.where(inside, high, middle)
        return (ways[:, 1] * low).min() * self.size

    def local(self, p):
        return ((p - self.centre) / self.size) @ self.frame

    def body(self, q):
        """Below 0 inside, above 0 outside; at most about 1.3 times the distance. q: own coordinates."""
        x, y, z = q[:, 0], q[:, 1] / self.STRETCH, q[:, 2]
        radius = np.sqrt(x * x + z * z + np.float32(1e-9))
        # sin and cos of the angle about the axis and of its multiples, without a transcendental function.
        c1, s1 = x / radius, z / radius
        c2, s2 = c1 * c1 - s1 * s1, 2 * c1 * s1
        c4, s4 = c2 * c2 - s2 * s2, 2 * c2 * s2
        c5 = c4 * c1 - s4 * s1
        s = self.salt
        uneven = 0.020 * (np.cos(s) * s1 + np.sin(s) * c1)
        uneven += 0.014 * np.cos(2 * s) * s2 - 0.010 * np.sin(s) * c2
        lobes = 0.026 * c5 * (smoothstep(0.0, -0.62, y) + 0.6 * smoothstep(0.25, 0.6, y))
        narrow = 1 / (1 + (radius / np.float32(0.15)) ** 4)
        y = y + 0.13 * narrow * (y > 0) + 0.02 * (np.cos(2 * s) * s1 + np.sin(2 * s) * c1) * radius
        radius = radius / (1 + 0.15 * y + uneven + lobes)
        return np.sqrt((radius - self.RING) ** 2 + y * y) - self.TUBE

    def stalk(self, q):
        y = q[:, 1]
        bend = 0.28 * np.clip(y - 0.45, 0, 1) ** 2
        radius = np.sqrt((q[:, 0] - bend) ** 2 + (q[:, 2] - 0.4 * bend) ** 2)
        top = 0.62 + 0.42 * self.stem
        width = 0.026 + 0.022 * smoothstep(top - 0.16, top, y)
        return np.maximum(radius - width, np.maximum(0.35 - y, y - top + 0.1 * radius))

    def field(self, q):
        return np.minimum(self.body(q), self.stalk(q))

    def normal(self, q):
        h = np.float32(1.5e-3)
        n = np.zeros_like(q)
        for corner in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
            k = np.array(corner, np.float32)
            n += k * self.field(q + h * k)[:, None]
        return n / np.linalg.norm(n, axis=1, keepdims=True)

    def surface(self, q, n):
        """Colour (linear), roughness of the shine, and the normal with its fine relief."""
        s = self.salt
        height = q[:, 1]
        axis = np.hypot(q[:, 0], q[:, 2])
        broad = noise.fractal(q * 1.7 + 5 * s, 3, 11)
        fine = noise.fractal(q * np.array([14, 5, 14], np.float32) + s, 3, 23)
        colour = mixed(np.float32([0.215, 0.40, 0.028]), np.float32([0.40, 0.56, 0.065]),
                       smoothstep(0.25, 0.75, 0.7 * broad + 0.3 * fine))
        # Paler towards the base, yellower where the sun reached it.
        colour = mixed(colour, np.float32([0.47, 0.56, 0.12]), 0.55 * smoothstep(0.1, -0.8, height))
        sunny = smoothstep(0.3, 1.0, q[:, 0] * np.cos(s) + q[:, 2] * np.sin(s)) * self.blush
        colour = mixed(colour, np.float32([0.55, 0.42, 0.07]), sunny * (0.5 + 0.5 * fine))
        # Lenticels: pale pores.
        pores = np.maximum(
            noise.speckles(q * 8.5 + s, 0.16, 0.75, 31), noise.speckles(q * 15 + s, 0.15, 0.5, 41))
        colour = mixed(colour, np.float32([0.68, 0.72, 0.38]), 0.75 * pores * smoothstep(0.12, 0.4, axis))
        # Russet and shade in the dent about the stem, brown in the calyx.
        ragged = noise.fractal(q * np.array([9, 3, 9], np.float32) + 3 * s, 3, 57)
        dent = smoothstep(0.34, 0.1, axis + 0.30 * (ragged - 0.5)) * (height > 0)
        colour = mixed(colour, np.float32([0.23, 0.17, 0.05]), 0.85 * dent)
        calyx = smoothstep(0.24, 0.1, axis) * (height < 0)
        colour = mixed(colour, np.float32([0.07, 0.045, 0.02]), calyx)
        roughness = 0.13 + 0.06 * broad + 0.25 * dent + 0.1 * pores
        # The stem.
        woody = self.stalk(q) < self.body(q)
        bark = noise.fractal(q * np.array([40, 9, 40], np.float32), 3, 71)
        bark = mixed(np.float32([0.10, 0.055, 0.02]), np.float32([0.26, 0.17, 0.07]), bark)
        colour = np.where(woody[:, None], bark, colour)
        roughness = np.where(woody, 0.5, roughness)
        wobble = np.stack([noise.value(q * 21 + 7.7 * k, 83 + k) - 0.5 for k in range(3)], axis=1)
        wobble += 0.8 * np.stack([noise.value(q * 5 + 3.1 * k, 93 + k) - 0.5 for k in range(3)], axis=1)
        n = n + 0.022 * wobble
        return colour.astype(np.float32), roughness.astype(np.float32), n


class Table:
    """The plane y = 0: oak boards at a slant to the camera, with dark joints."""

    WIDTH = 2.3
    FRAME = rotation(0, 0, 0.38)  # columns: along the boards, up, across them

    def surface(self, p):
        p = p @ self.FRAME
        board = np.floor((p[:, 2] + 0.9) / self.WIDTH)
        across = (p[:, 2] + 0.9) / self.WIDTH - board
        own = noise.hashed(board.astype(np.int64), np.zeros(len(p), np.int64), np.zeros(len(p), np.int64), 5)
        shifted = np.stack([p[:, 0] + 31 * own, 7 * own, p[:, 2]], axis=1)
        # Annual rings cut lengthwise: bands warped by noise that is long along the board.
        warp = noise.fractal(shifted * np.array([0.22, 1, 1.1], np.float32), 4, 3)
        rings = 0.5 + 0.5 * np.sin(2 * np.pi * (across * 3.1 + 4.2 * warp + 3 * own))
        fibres = noise.fractal(shifted * np.array([0.9, 1, 22], np.float32), 3, 9)
        vessels = smoothstep(0.62, 0.8, noise.value(shifted * np.array([2.0, 1, 42], np.float32), 15))
        tone = 0.5 * rings ** 1.5 + 0.35 * fibres + 0.15 * own
        colour = mixed(np.float32([0.43, 0.26, 0.135]), np.float32([0.20, 0.102, 0.045]), tone)
        colour *= (0.86 + 0.28 * own)[:, None]
        colour *= (1 - 0.45 * vessels * smoothstep(0.3, 0.7, fibres))[:, None]
        edge = np.minimum(across, 1 - across) * self.WIDTH
        joint = smoothstep(0.030, 0.012, edge)
        colour = mixed(colour, np.float32([0.012, 0.008, 0.005]), joint)
        roughness = 0.34 + 0.22 * fibres + 0.3 * joint
        n = np.zeros_like(p)
        n[:, 1] = 1
        n[:, 2] = 0.05 * (fibres - 0.5) + 0.25 * joint * np.sign(across - 0.5) * -1
        n[:, 0] = 0.03 * (noise.value(shifted * 3, 19) - 0.5)
        return colour.astype(np.float32), roughness.astype(np.float32), n @ self.FRAME.T


class Window:
    """The light: a rectangle of four panes with daylight behind it."""

    def __init__(self, centre, facing, width, height, radiance):
        self.centre = np.float32(centre)
        toward = np.float32(facing) - self.centre
        self.normal = toward / np.linalg.norm(toward)
        right = np.cross(self.normal, np.float32([0, 1, 0]))
        self.right = (right / np.linalg.norm(right)).astype(np.float32)
        self.up = np.cross(self.right, self.normal)
        self.width, self.height, self.radiance = np.float32(width), np.float32(height), np.float32(radiance)

    def light(self, u, v):
        """Radiance at u, v in [-1, 1]: sky, brighter above; frame bars are dark."""
        bars = smoothstep(0.045, 0.06, np.abs(u)) * smoothstep(0.04, 0.055, np.abs(v - 0.1))
        return (bars * (0.8 + 0.2 * v))[:, None] * self.radiance

    def seen(self, origin, way):
        """Distance (infinite where missed) and radiance along rays."""
        facing = way @ self.normal
        distance = ((self.centre - origin) @ self.normal) / np.where(np.abs(facing) < 1e-6, 1e-6, facing)
        hit = origin + way * distance[:, None] - self.centre
        u, v = hit @ self.right / (self.width / 2), hit @ self.up / (self.height / 2)
        there = (facing < 0) & (distance > 0) & (np.abs(u) < 1) & (np.abs(v) < 1)
        return np.where(there, distance, np.inf), self.light(u, v) * there[:, None]

    def sample(self, u, v):
        """Points on it and their radiance, from numbers in [0, 1)."""
        u, v = 2 * u - 1, 2 * v - 1
        across, upward = u * (self.width / 2), v * (self.height / 2)
        return self.centre + across[:, None] * self.right + upward[:, None] * self.up, self.light(u, v)


def room(way):
    """The room far behind everything, out of focus: a function of direction alone. way: [count, 3]."""
    x, y, z = way.T
    wall = mixed(np.float32([0.20, 0.175, 0.15]), np.float32([0.36, 0.33, 0.29]), smoothstep(-0.15, 0.5, y))
    # Daylight grazes the wall from the window's side.
    wall *= (0.55 + 0.75 * smoothstep(0.6, -0.7, x))[:, None]
    def blob(cx, cy, sx, sy):
        return np.exp(-(((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2)) * (z > 0)
    wall = mixed(wall, np.float32([0.075, 0.085, 0.05]), 0.75 * blob(0.30, 0.02, 0.10, 0.16))
    wall = mixed(wall, np.float32([0.33, 0.16, 0.08]), 0.6 * blob(0.13, -0.02, 0.05, 0.07))
    wall = mixed(wall, np.float32([0.50, 0.46, 0.38]), 0.6 * blob(-0.28, 0.06, 0.16, 0.12))
    return wall.astype(np.float32)
