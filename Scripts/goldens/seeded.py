"""SwiftletCore/SeededGenerator.swift in numpy: what both sides draw weights and inputs from."""

import numpy as np

SEED = 7
GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)
MASK = (1 << 64) - 1


def mix(z):
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def uniform(name, count):
    """The first `count` values of SeededGenerator(seed: SEED, stream: name).uniform()."""
    stream = 0xCBF29CE484222325
    for byte in name.encode():
        stream = ((stream ^ byte) * 0x100000001B3) & MASK
    seed = np.array([(SEED + int(GOLDEN_RATIO)) & MASK], np.uint64)
    origin = mix(mix(seed) ^ np.uint64((stream * 0xD1B54A32D192ED03) & MASK))
    counter = np.arange(1, count + 1, dtype=np.uint64)
    return (mix(origin + counter * GOLDEN_RATIO) >> np.uint64(11)).astype(np.float64) * 2.0**-53
