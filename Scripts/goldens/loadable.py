"""Makes torchvision importable beside a PyTorch that it was not built for (its CUDA build beside a PyTorch for CPUs).

Its compiled operators do not load then. Classification and transforms need none of them, but importing torchvision needs
two declared. Import this before torchvision or timm.
"""

import importlib.util
from pathlib import Path

import torch

_folder = Path(importlib.util.find_spec("torchvision").submodule_search_locations[0])
try:
    torch.ops.load_library(next(_folder.glob("_C.*so")))
except OSError:
    _declarations = torch.library.Library("torchvision", "FRAGMENT")
    for _operator in ("nms", "qnms"):
        _declarations.define(_operator + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
