"""Renders the photograph that the repository ships: a small path tracer in numpy, from nothing but code.

README.md beside this file says how to run it. The result depends on the seed and the sizes alone, not on the
number of processes: every band of rows draws from a generator of its own.
"""

import argparse
import multiprocessing
import os
from pathlib import Path

import numpy as np
from PIL import Image

import scene

SEED = 7
BAND = 2  # rows

APPLES = [
    scene.Apple(x=-0.62, z=0.0, size=1.0, tilt=0.30, towards=-2.0, turn=0.4, salt=1.3, blush=0.35, stem=1.0),
    scene.Apple(x=1.42, z=0.75, size=0.96, tilt=0.16, towards=0.6, turn=2.2, salt=4.1, blush=0.1, stem=0.7),
    scene.Apple(x=0.25, z=2.35, size=1.02, tilt=0.25, towards=2.4, turn=1.1, salt=7.7, blush=0.2, stem=0.9),
]
TABLE = scene.Table()
WINDOW = scene.Window(centre=(-8.0, 6.2, -1.0), facing=(0, 0.6, 0.5), width=5.2, height=6.0,
                      radiance=(15.5, 15.2, 15.0))

EYE = np.float32([0.2, 2.7, -8.6])
TARGET = np.float32([0.32, 0.78, 0.6])
FIELD = 33.0  # degrees, horizontally
APERTURE = 0.15  # radius of the lens
FOCUS = np.float32([-0.6, 0.9, -0.7])  # a point in the plane that is sharp


def unit(v):
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


# --- Random numbers that cover their square evenly.


class Draws:
    """Pairs of numbers in [0, 1) for the decisions along a path. For each decision the samples of a pixel are
    a shuffled additive sequence (Roberts' R2), shifted at random by pixel, which leaves less noise than
    independent numbers do.
    """

    STEPS = np.float32([0.7548776662466927, 0.5698402909980532])

    def __init__(self, rng, pixels, samples):
        self.rng, self.samples = rng, samples
        self.pixel = np.tile(np.arange(pixels), samples)
        self.sample = np.repeat(np.arange(samples), pixels)
        self.pixels = pixels

    def pair(self, chosen=slice(None)):
        """The next decision's pairs, [2, paths]; for the chosen paths alone."""
        order = self.rng.permutation(self.samples)
        sequence = (np.arange(1, self.samples + 1)[order, None] * np.float64(self.STEPS)) % 1
        shift = self.rng.random((self.pixels, 2))
        both = (sequence[self.sample[chosen]] + shift[self.pixel[chosen]]) % 1
        return np.minimum(both.astype(np.float32), np.float32(0.99999994)).T


# --- Rays against the scene.


def nearest(origin, way, limit=None):
    """Distance to the nearest surface (infinite: none) and whose it is: 0 none, 1 table, 2... the apples."""
    count = len(origin)
    distance = np.full(count, np.inf if limit is None else 0, np.float32)
    if limit is not None:
        distance[:] = limit
    owner = np.zeros(count, np.int8)
    t = -origin[:, 1] / np.where(np.abs(way[:, 1]) < 1e-7, 1e-7, way[:, 1])
    table = (t > 1e-3) & (t < np.minimum(distance, 60))
    distance[table], owner[table] = t[table], 1
    for index, apple in enumerate(APPLES):
        toward = apple.centre - origin
        middle = np.einsum("ij,ij->i", toward, way)
        off = np.einsum("ij,ij->i", toward, toward) - middle * middle
        bound = (apple.BOUND * apple.size) ** 2
        half = np.sqrt(np.maximum(bound - off, 0))
        start, end = np.maximum(middle - half, 1e-3), np.minimum(middle + half, distance)
        active = np.nonzero((off < bound) & (start < end))[0]
        position = start[active]
        for _ in range(80):
            if len(active) == 0:
                break
            q = apple.local(origin[active] + way[active] * position[:, None])
            step = apple.field(q) * apple.size
            hit = step < 4e-4
            distance[active[hit]], owner[active[hit]] = position[hit], index + 2
            position = position + np.maximum(step * 0.72, 3e-4)
            going = ~hit & (position < end[active])
            active, position = active[going], position[going]
    return distance, owner


def shaded(point, owner, way):
    """Colour, roughness, relief normal and geometric normal at points on surfaces."""
    count = len(point)
    colour = np.zeros((count, 3), np.float32)
    roughness = np.zeros(count, np.float32)
    relief, flat = np.zeros((count, 3), np.float32), np.zeros((count, 3), np.float32)
    on = owner == 1
    if on.any():
        colour[on], roughness[on], relief[on] = TABLE.surface(point[on])
        flat[on] = (0, 1, 0)
    for index, apple in enumerate(APPLES):
        on = owner == index + 2
        if on.any():
            q = apple.local(point[on])
            n = apple.normal(q)
            colour[on], roughness[on], r = apple.surface(q, n)
            relief[on], flat[on] = r @ apple.frame.T, n @ apple.frame.T
    relief = unit(relief)
    # A relief normal that faces away from the viewer would reflect into the body.
    behind = np.einsum("ij,ij->i", relief, way) > -0.02
    relief[behind] = flat[behind]
    return colour, roughness, relief, flat


def around(n, pair, sharpness=None):
    """Directions about n: by the cosine, or by a lobe cos^sharpness."""
    u, v = pair
    cosine = np.sqrt(1 - u) if sharpness is None else (1 - u) ** (1 / (sharpness + 1))
    sine = np.sqrt(np.maximum(1 - cosine * cosine, 0))
    side = np.where(np.abs(n[:, :1]) > 0.7, np.float32([[0, 1, 0]]), np.float32([[1, 0, 0]]))
    a = unit(np.cross(side, n))
    b = np.cross(n, a)
    return (a * (sine * np.cos(2 * np.pi * v))[:, None] + b * (sine * np.sin(2 * np.pi * v))[:, None]
            + n * cosine[:, None]).astype(np.float32)


def window_light(point, normal, pair):
    """Light that reaches a matt surface straight from the window, per unit of its colour."""
    goal, radiance = WINDOW.sample(*pair)
    toward = goal - point
    square = np.einsum("ij,ij->i", toward, toward)
    length = np.sqrt(square)
    toward /= length[:, None]
    cosine = np.maximum(np.einsum("ij,ij->i", toward, normal), 0)
    emitting = np.maximum(-(toward @ WINDOW.normal), 0)
    weight = cosine * emitting / square * (WINDOW.width * WINDOW.height / np.pi)
    lit = np.nonzero(weight > 0)[0]
    _, owner = nearest(point[lit], toward[lit], length[lit] - 1e-2)
    weight[lit[owner > 0]] = 0
    return radiance * weight[:, None]


def traced(origin, way, draws, bounces=4):
    """Radiance along rays."""
    result = np.zeros((len(origin), 3), np.float32)
    through = np.ones((len(origin), 3), np.float32)
    index = np.arange(len(origin))
    mirrored = np.ones(len(origin), bool)  # whether the window counts where this ray meets it
    for bounce in range(bounces):
        distance, owner = nearest(origin, way)
        window, radiance = WINDOW.seen(origin, way)
        # The window in a shine is seen through shines alone, and dimmed in a second one: what else reaches
        # it by chance would show as lone bright dots.
        open_window = mirrored & (window < distance)
        brightest = np.inf if bounce == 0 else 4 if bounce == 1 else 1
        result[index[open_window]] += np.minimum(through[open_window] * radiance[open_window], brightest)
        escaped = (owner == 0) & ~open_window
        result[index[escaped]] += through[escaped] * scene.room(way[escaped])
        keep = (owner > 0) & ~open_window
        if not keep.any():
            break
        origin, way, through, index = origin[keep], way[keep], through[keep], index[keep]
        owner, distance = owner[keep], distance[keep]
        point = origin + way * distance[:, None]
        colour, roughness, relief, flat = shaded(point, owner, way)
        point = point + flat * np.float32(2e-3)
        # A clear coat over a matt body: reflect by Fresnel's share (Schlick), else scatter.
        facing = np.clip(-np.einsum("ij,ij->i", way, relief), 0, 1)
        fresnel = 0.042 + 0.958 * (1 - facing) ** 5 * (1 - roughness) ** 1.5
        choice = np.clip(fresnel, 0.15, 0.9) if bounce == 0 else fresnel
        gloss = draws.pair(index)[0] < choice
        weight = np.where(gloss, fresnel / choice, (1 - fresnel) / (1 - choice))[:, None]
        matt = ~gloss
        through = through * weight
        through[matt] *= colour[matt]
        light = window_light(point[matt], relief[matt], draws.pair(index[matt]))
        result[index[matt]] += through[matt] * light
        mirror = way - 2 * np.einsum("ij,ij->i", way, relief)[:, None] * relief
        following = np.empty_like(way)
        scatter = draws.pair(index)
        following[matt] = around(relief[matt], scatter[:, matt])
        sharpness = 2 / np.maximum(roughness[gloss], 0.05) ** 4 - 2
        following[gloss] = around(mirror[gloss], scatter[:, gloss], np.maximum(sharpness, 1))
        above = np.einsum("ij,ij->i", following, flat) > 1e-4
        mirrored = (gloss & mirrored[keep])[above]
        origin, way, through, index = point[above], following[above], through[above], index[above]
    return result


# --- The camera.


def band(job):
    """The mean radiance of some rows."""
    first, rows, width, height, samples = job
    rng = np.random.default_rng([SEED, first, width, samples])
    forward = unit(TARGET - EYE)
    right = unit(np.cross(np.float32([0, 1, 0]), forward))
    up = np.cross(forward, right)
    scale = np.tan(np.radians(FIELD) / 2)
    focus = (FOCUS - EYE) @ forward
    y, x = np.mgrid[first:first + rows, 0:width].astype(np.float32).reshape(2, -1)
    draws = Draws(rng, len(x), samples)
    x, y = np.tile(x, samples), np.tile(y, samples)
    # A tent of two pixels over each pixel's centre: the lens and the sensor are not perfectly sharp.
    u = 2 * draws.pair() - 1
    tent = np.sign(u) * (1 - np.sqrt(1 - np.abs(u)))
    px = ((x + 0.5 + tent[0]) / width * 2 - 1) * scale
    py = (1 - (y + 0.5 + tent[1]) / height * 2) * scale * height / width
    sharp = EYE + focus * (forward + px[:, None] * right + py[:, None] * up)
    lens = draws.pair()
    radius, angle = APERTURE * np.sqrt(lens[0]), lens[1] * np.float32(2 * np.pi)
    origin = EYE + (radius * np.cos(angle))[:, None] * right + (radius * np.sin(angle))[:, None] * up
    light = traced(origin.astype(np.float32), unit(sharp - origin).astype(np.float32), draws)
    return np.minimum(light, 25).reshape(samples, -1, 3).mean(axis=0)


def developed(light, rng):
    """Radiance to sRGB bytes: exposure, vignette, a film-like curve, grain."""
    height, width, _ = light.shape
    y, x = np.mgrid[-1:1:height * 1j, -1:1:width * 1j]
    light = light * (1 - 0.16 * (x * x + y * y))[:, :, None] * 1.25
    # Narkowicz's fit of the ACES curve.
    toned = np.clip(light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14), 0, 1)
    encoded = np.where(toned <= 0.0031308, 12.92 * toned, 1.055 * toned ** (1 / 2.4) - 0.055)
    encoded += rng.normal(0, 0.006, (height, width, 1)) + rng.normal(0, 0.003, (height, width, 3))
    return (np.clip(encoded, 0, 1) * 255 + 0.5).astype(np.uint8)


def main():
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=root / "Examples/photos/apples.jpg")
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    parser.add_argument("--samples", type=int, default=128)
    parser.add_argument("--quality", type=int, default=90)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    width, height = arguments.width, arguments.height
    jobs = [(first, min(BAND, height - first), width, height, arguments.samples)
            for first in range(0, height, BAND)]
    with multiprocessing.Pool(arguments.processes) as pool:
        bands = pool.map(band, jobs, chunksize=1)
    light = np.concatenate(bands).reshape(height, width, 3)
    picture = Image.fromarray(developed(light, np.random.default_rng(SEED)))
    picture.save(arguments.output, quality=arguments.quality, subsampling=0, optimize=True)
    print(f"{arguments.output}: {width} x {height}, {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
