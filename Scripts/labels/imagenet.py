"""Writes Sources/Swiftlet/Labels/ImageNetLabels.swift from torchvision's list of the 1000 ImageNet classes.

Run with the packages of Scripts/goldens/requirements.txt:

    .venv/bin/python Scripts/labels/imagenet.py
"""

import importlib.util
import runpy
from pathlib import Path

# The file alone: importing torchvision as a whole loads its compiled operators, which nobody needs here.
package = Path(importlib.util.find_spec("torchvision").origin).parent
names = runpy.run_path(str(package / "models/_meta.py"))["_IMAGENET_CATEGORIES"]

assert len(names) == 1000 and all("\n" not in n and '"""' not in n and "\\" not in n for n in names)
lines = "\n".join(f"    {name}" for name in names)
target = Path(__file__).resolve().parents[2] / "Sources/Swiftlet/Labels/ImageNetLabels.swift"
target.write_text(
    f"""// ImageNetLabels.swift: the 1000 classes of ImageNet, in order. Written by Scripts/labels/imagenet.py.

enum ImageNetLabels {{
  /// One name a line, class 0 first.
  static let text = \"\"\"
{lines}
    \"\"\"
}}
"""
)
