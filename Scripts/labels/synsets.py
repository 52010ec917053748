"""Writes Sources/SwiftletInference/Labels/ImageNetSynsets.swift: the WordNet ids of ImageNet's classes, in order.

They are those of timm's imagenet_synsets.txt. Run with the packages of Scripts/goldens/requirements.txt:

    .venv/bin/python Scripts/labels/synsets.py
"""

import importlib.util
from pathlib import Path

# The file alone: importing timm loads torch, which nobody needs here.
package = Path(importlib.util.find_spec("timm").origin).parent
ids = (package / "data/_info/imagenet_synsets.txt").read_text().split()

assert len(ids) == 1000 and ids == sorted(ids)
lines = "\n".join("    " + " ".join(ids[start : start + 10]) for start in range(0, 1000, 10))
target = Path(__file__).resolve().parents[2] / "Sources/SwiftletInference/Labels/ImageNetSynsets.swift"
target.write_text(
    f"""// ImageNetSynsets.swift: the WordNet ids of ImageNet's 1000 classes, in order. Written by Scripts/labels/synsets.py.

/// The ids of ILSVRC 2012's classes, as its folders are called; from timm's imagenet_synsets.txt (Apache-2.0). Their
/// order is that of the classes in torchvision's and timm's networks.
enum ImageNetSynsets {{
  static let text = \"\"\"
{lines}
    \"\"\"
}}
"""
)
