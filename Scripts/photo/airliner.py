"""Renders the second picture that the repository ships: an airliner in the sky, which CIFAR-10 has a class for.

Sphere tracing of a few dozen lines in numpy; README.md beside this file says how to run it. Lengths in fuselage
radii; x is forward, y up, z to the left.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import noise

SEED = 11
SUN = np.float32([0.35, 0.75, 0.55]) / np.linalg.norm([0.35, 0.75, 0.55])
EYE = np.float32([9.0, -5.5, 40.0])
TARGET = np.float32([-0.6, 0.6, 0.0])
FIELD = 30.0  # degrees, horizontally


def smoothstep(low, high, x):
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def fuselage(p):
    """A tube of radius 1 from x = -11 to 10, rounded in front, drawn out and up behind."""
    x, y, z = p.T
    back = smoothstep(-4, -11.5, x)
    front = smoothstep(7, 10.2, x)
    radius = np.sqrt(np.maximum(1 - front**2, 0)) * (1 - 0.86 * back)
    ring = np.hypot(y - 0.62 * back + 0.22 * front, z)
    ends = np.maximum(x - 10.2, -11.5 - x)
    return np.maximum((ring - radius) * 0.72, ends)


def surface(p, root, tip, span, chord, thickness, lift, upright=False):
    """A wing from `root` (x of its front edge at the hull) to `tip` (that at its end), on both sides; upright for the fin."""
    x, y, z = p.T
    out, up = (y, z) if upright else (np.abs(z), y)
    share = np.clip(out / span, 0, 1)
    leading = root + (tip - root) * share
    width = chord[0] + (chord[1] - chord[0]) * share
    middle = leading - width / 2
    along = np.abs(x - middle) - width / 2
    thick = thickness * (1 - 0.6 * share) * np.sqrt(np.clip(1 - ((x - middle) / (0.5 * width + 0.1)) ** 2, 0.05, 1))
    return np.maximum(np.maximum(along * 0.8, np.abs(up - lift * out) - thick), np.maximum(out - span, -out)) * 0.8


def engine(p):
    """A nacelle under each wing."""
    x, y, z = p.T
    ring = np.hypot(y + 0.72, np.abs(z) - 4.1)
    return np.maximum(ring - 0.62 * (1 - 0.3 * smoothstep(2.4, 0.2, x)), np.abs(x - 1.7) - 1.5) * 0.8


def parts(p):
    q = p + np.float32([0, 0.45, 0])
    r = p - np.float32([0, 0.7, 0])
    return np.stack([
        fuselage(p),
        surface(q, 3.6, -3.2, 11.5, (4.6, 1.2), 0.26, 0.11),
        surface(r, -8.2, -10.6, 4.2, (2.4, 1.0), 0.14, 0.08),
        surface(p - np.float32([0, 0.6, 0]), -7.0, -11.2, 4.6, (4.0, 1.5), 0.16, 0, upright=True),
        engine(p),
    ])


def colours(p, part):
    """Matt colours (linear): a white hull with a blue belly line and windows, grey wings, a blue fin."""
    x, y, z = p.T
    colour = np.tile(np.float32([0.80, 0.81, 0.83]), (len(p), 1))
    colour[(part == 1) | (part == 2)] = (0.50, 0.52, 0.55)
    fin = part == 3
    colour[fin] = np.where((y[fin] > 1.6)[:, None], np.float32([0.04, 0.11, 0.36]), colour[fin])
    colour[part == 4] = (0.34, 0.36, 0.40)
    colour[(part == 4) & (x > 3.05)] = (0.03, 0.03, 0.035)
    hull = part == 0
    colour[hull & (y < -0.28)] = (0.42, 0.44, 0.48)
    colour[hull & (np.abs(y + 0.22) < 0.09) & (np.abs(x) < 9)] = (0.04, 0.11, 0.36)
    window = hull & (np.abs(y - 0.28) < 0.11) & (np.abs(x) < 7.6) & ((x * 1.7) % 1 < 0.5)
    colour[window] = (0.03, 0.04, 0.06)
    colour[hull & (x > 8.9) & (x < 9.55) & (y > 0.22)] = (0.02, 0.03, 0.04)
    return colour


def sky(way):
    """Blue, paler towards the horizon, with thin clouds."""
    height = np.clip(way[:, 1] * 0.9 + 0.42, 0, 1)[:, None]
    blue = np.float32([0.42, 0.62, 0.86]) * (1 - height) + np.float32([0.10, 0.27, 0.62]) * height
    cloud = noise.fractal(way * np.float32([5, 9, 5]) + 3.7, 5, 5)
    cloud = smoothstep(0.50, 0.78, cloud)[:, None] * (1 - 0.6 * height)
    return blue * (1 - 0.75 * cloud) + np.float32([0.86, 0.88, 0.92]) * 0.75 * cloud


def trace(origin, way):
    distance = np.full(len(way), 22.0, np.float32)
    active = np.arange(len(way))
    hit = np.zeros(len(way), bool)
    for _ in range(160):
        step = parts(origin + way[active] * distance[active, None]).min(axis=0)
        near = step < 3e-3
        hit[active[near]] = True
        distance[active] += np.maximum(step, 2e-3)
        active = active[~near & (distance[active] < 62)]
        if len(active) == 0:
            break
    return distance, hit


def radiance(way):
    light = sky(way)
    distance, hit = trace(EYE, way)
    p = EYE + way[hit] * distance[hit, None]
    part = parts(p).argmin(axis=0)
    n = np.zeros_like(p)
    for corner in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        k = np.float32(corner)
        n += k * parts(p + np.float32(4e-3) * k).min(axis=0)[:, None]
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    sun = np.clip(n @ SUN, 0, 1)
    _, shaded = trace_shadow(p + n * 0.03)
    sun[shaded] = 0
    ambient = 0.34 + 0.22 * n[:, 1]
    colour = colours(p, part)
    half = SUN - way[hit]
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    shine = np.clip(np.einsum("ij,ij->i", n, half), 0, 1) ** 60 * 0.35 * (sun > 0)
    light[hit] = colour * (0.95 * sun + ambient)[:, None] * np.float32([1.0, 0.99, 0.97]) + shine[:, None]
    return light


def trace_shadow(origin):
    distance = np.full(len(origin), 0.05, np.float32)
    blocked = np.zeros(len(origin), bool)
    active = np.arange(len(origin))
    for _ in range(60):
        step = parts(origin[active] + SUN * distance[active, None]).min(axis=0)
        near = step < 2e-3
        blocked[active[near]] = True
        distance[active] += np.maximum(step, 0.02)
        active = active[~near & (distance[active] < 25)]
        if len(active) == 0:
            break
    return distance, blocked


def main():
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=root / "Examples/photos/airliner.jpg")
    parser.add_argument("--width", type=int, default=480)
    parser.add_argument("--height", type=int, default=360)
    parser.add_argument("--samples", type=int, default=3, help="along a side of a pixel")
    arguments = parser.parse_args()
    width, height, n = arguments.width, arguments.height, arguments.samples
    rng = np.random.default_rng(SEED)
    forward = (TARGET - EYE) / np.linalg.norm(TARGET - EYE)
    right = np.cross(np.float32([0, 1, 0]), -forward)
    right /= -np.linalg.norm(right)
    up = np.cross(right, forward)
    if up[1] < 0:
        up = -up
    scale = np.tan(np.radians(FIELD) / 2)
    light = np.zeros((height * width, 3))
    y, x = np.mgrid[0:height, 0:width].astype(np.float32).reshape(2, -1)
    for dy in range(n):
        for dx in range(n):
            px = ((x + (dx + 0.5) / n) / width * 2 - 1) * scale
            py = (1 - (y + (dy + 0.5) / n) / height * 2) * scale * height / width
            way = forward + px[:, None] * right + py[:, None] * up
            light += radiance((way / np.linalg.norm(way, axis=1, keepdims=True)).astype(np.float32)) / (n * n)
    light = light.reshape(height, width, 3) * 0.95
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.clip(light, 0, 1) ** (1 / 2.4) - 0.055)
    encoded += rng.normal(0, 0.008, (height, width, 1))
    Image.fromarray((np.clip(encoded, 0, 1) * 255 + 0.5).astype(np.uint8)).save(
        arguments.output, quality=88, subsampling=0, optimize=True)
    print(f"{arguments.output}: {width} x {height}, {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
