"""Goldens of metrics: average precision and F1 as scikit-learn computes them.

Writes Tests/Goldens/metrics/multi_label.json: scores on a grid, so that many are equal, and targets, drawn from a seed.
"""

import json
import platform
from pathlib import Path

import numpy as np
import sklearn
from sklearn.metrics import average_precision_score, f1_score

ROOT = Path(__file__).resolve().parents[2]
SEED = 20240607


def case(generator, images, classes, levels, share):
    # Logits on a grid are exact in 32 bits, and ties are common.
    logits = generator.integers(-levels, levels + 1, (images, classes)) / 4
    targets = (generator.random((images, classes)) < share).astype(int)
    # The first class is where its logit is high, so that one class is easy; the last one is on no image.
    targets[:, 0] = logits[:, 0] > 0.3
    targets[:, -1] = 0
    found = (1 / (1 + np.exp(-logits)) >= 0.5).astype(int)
    precisions = [
        float(average_precision_score(targets[:, c], logits[:, c])) if targets[:, c].any() else None
        for c in range(classes)
    ]
    return {
        "logits": logits.tolist(),
        "targets": targets.tolist(),
        "averagePrecision": precisions,
        "meanAveragePrecision": float(np.mean([p for p in precisions if p is not None])),
        "microF1": float(f1_score(targets, found, average="micro", zero_division=0)),
        "macroF1": float(f1_score(targets, found, average="macro", zero_division=0)),
        "accuracy": float((targets == found).mean()),
    }


def main():
    generator = np.random.default_rng(SEED)
    cases = [
        case(generator, 40, 5, 3, 0.3), case(generator, 200, 4, 20, 0.1), case(generator, 7, 3, 1, 0.8),
        case(generator, 1, 3, 8, 0.9),
    ]
    folder = ROOT / "Tests/Goldens/metrics"
    folder.mkdir(parents=True, exist_ok=True)
    made = {"python": platform.python_version(), "sklearn": sklearn.__version__, "numpy": np.__version__}
    (folder / "multi_label.json").write_text(json.dumps({"made": made, "cases": cases}) + "\n")


main()
