"""Makes a small data set of images with several classes each: colored shapes on a noisy ground.

    python3 Scripts/shapes/render.py FOLDER [--images 600] [--size 32] [--seed 1]

Writes FOLDER/images/*.png and FOLDER/labels.csv (path,labels,part; every fifth image is for validation), which
`swiftlet train --task multi-label --data FOLDER` takes. An image has up to three shapes; its classes are the shapes and
the colors that can be seen on it. The same seed gives the same bytes. Needs Python alone.
"""

import argparse
import random
import struct
import zlib
from pathlib import Path

COLORS = {"red": (220, 50, 40), "green": (50, 180, 70), "blue": (50, 90, 220), "yellow": (230, 200, 40)}
SHAPES = ("circle", "square", "triangle")
SAMPLES = 3  # Subpixels a side: edges are smooth.


def inside(shape, u, v):
    """Whether a point is in a shape of radius 1 about the origin; v points down."""
    if shape == "circle":
        return u * u + v * v <= 1
    if shape == "square":
        return abs(u) <= 0.85 and abs(v) <= 0.85
    return v <= 0.8 and v >= 2 * abs(u) - 1.0


def png(size, pixels):
    def chunk(name, data):
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + bytes(pixels[3 * size * y : 3 * size * (y + 1)]) for y in range(size))
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def draw(pixels, owners, number, size, shape, color, radius, x, y):
    """Draws a shape, marks the pixels that are now its own, and gives their number."""
    count = 0
    for row in range(size):
        for column in range(size):
            hits = sum(
                inside(shape, (column + (i + 0.5) / SAMPLES - x) / radius, (row + (j + 0.5) / SAMPLES - y) / radius)
                for i in range(SAMPLES)
                for j in range(SAMPLES)
            )
            share = hits / SAMPLES**2
            pixel = pixels[row * size + column]
            for channel in range(3):
                pixel[channel] += share * (COLORS[color][channel] - pixel[channel])
            if share >= 0.5:
                owners[row * size + column] = number
                count += 1
    return count


def image(size, rng):
    """Pixels and classes of one image. Only `random()` is drawn, whose numbers no version of Python changes."""
    ground = [60 + 120 * rng.random() for _ in range(3)]
    pixels = [[g for g in ground] for _ in range(size * size)]
    drawn = []
    owners = [None] * (size * size)
    for number in range(int(4 * rng.random())):
        shape = SHAPES[int(len(SHAPES) * rng.random())]
        color = list(COLORS)[int(len(COLORS) * rng.random())]
        radius = size * (0.14 + 0.12 * rng.random())
        x, y = (radius + (size - 2 * radius) * rng.random() for _ in range(2))
        drawn.append((shape, color, draw(pixels, owners, number, size, shape, color, radius, x, y)))
    # A shape that later ones leave less than a third of is not a class of the image.
    labels = set()
    for number, (shape, color, count) in enumerate(drawn):
        if 3 * owners.count(number) >= count:
            labels |= {shape, color}
    flat = [max(0, min(255, round(value + 24 * (rng.random() - 0.5)))) for pixel in pixels for value in pixel]
    return flat, sorted(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    (arguments.folder / "images").mkdir(parents=True, exist_ok=True)
    lines = ["path,labels,part"]
    for index in range(arguments.images):
        pixels, labels = image(arguments.size, rng)
        name = f"images/{index:05d}.png"
        (arguments.folder / name).write_bytes(png(arguments.size, pixels))
        lines.append(f"{name},{';'.join(labels)},{'val' if index % 5 == 4 else 'train'}")
    (arguments.folder / "labels.csv").write_text("\n".join(lines) + "\n")


main()
