"""Procedural texture: noise of a position, a fixed function of it, vectorised over arrays of points."""

import numpy as np


def hashed(x, y, z, salt=0):
    """A number in [0, 1) for each integer lattice point."""
    h = x.astype(np.uint32) * np.uint32(0x8DA6B343)
    h ^= y.astype(np.uint32) * np.uint32(0xD8163841)
    h ^= z.astype(np.uint32) * np.uint32(0xCB1AB31F)
    h += np.uint32((salt * 0x9E3779B9) & 0xFFFFFFFF)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x7FEB352D)
    h ^= h >> np.uint32(15)
    h *= np.uint32(0x846CA68B)
    h ^= h >> np.uint32(16)
    return (h >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def value(p, salt=0):
    """Value noise in [0, 1]: lattice values interpolated by a quintic. p: [count, 3]."""
    cell = np.floor(p)
    f = p - cell
    f = f * f * f * (f * (f * 6 - 15) + 10)
    i = cell.astype(np.int64)
    result = np.zeros(len(p), np.float32)
    for dx in (0, 1):
        wx = f[:, 0] if dx else 1 - f[:, 0]
        for dy in (0, 1):
            wy = f[:, 1] if dy else 1 - f[:, 1]
            for dz in (0, 1):
                wz = f[:, 2] if dz else 1 - f[:, 2]
                result += wx * wy * wz * hashed(i[:, 0] + dx, i[:, 1] + dy, i[:, 2] + dz, salt)
    return result


def fractal(p, octaves=4, salt=0):
    """Octaves of value noise, each half as strong and twice as fine, in [0, 1]."""
    total = np.zeros(len(p), np.float32)
    weight, strength = 0.0, 0.5
    for octave in range(octaves):
        total += strength * value(p * 2.0**octave + 17.3 * octave, salt + octave)
        weight += strength
        strength /= 2
    return total / weight


def speckles(p, radius, share, salt=0):
    """1 inside small spots scattered through space, 0 outside, soft at the rim. At most one spot a unit cell,
    in the given share of the cells; `radius` below 0.5 in units of the cell."""
    cell = np.floor(p)
    i = cell.astype(np.int64)
    x, y, z = i[:, 0], i[:, 1], i[:, 2]
    centre = np.stack([hashed(x, y, z, salt + n) for n in range(3)], axis=1) * (1 - 2 * radius) + radius
    size = radius * (0.45 + 0.55 * hashed(x, y, z, salt + 3))
    distance = np.linalg.norm(p - cell - centre, axis=1)
    spot = np.clip((size - distance) / (0.4 * size), 0, 1)
    return np.where(hashed(x, y, z, salt + 4) < share, spot, 0).astype(np.float32)
