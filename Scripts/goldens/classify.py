"""What torchvision's MobileNetV2 says of 100 photographs, from the JPEG files: Tests/Goldens/classify/mobilenet_v2.json.

    .venv/bin/python Scripts/goldens/classify.py WEIGHTS FOLDER

WEIGHTS is mobilenet_v2-b0353104.pth (its sha256 is checked), FOLDER one of JPEG files. For each file, in the order of
names: the five best classes with their probabilities, and the gap between the fifth and the sixth logit, which says how
sure the set is. Decoding is Pillow's, the transform that of MobileNet_V2_Weights.IMAGENET1K_V1, the network in float32.
"""

import hashlib
import json
import sys
from pathlib import Path

import loadable  # noqa: F401, before torchvision
import PIL
import torch
import torchvision
from PIL import Image
from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

weights, folder = Path(sys.argv[1]), Path(sys.argv[2])
digest = hashlib.sha256(weights.read_bytes()).hexdigest()
assert digest == "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889", digest

model = mobilenet_v2()
model.load_state_dict(torch.load(weights, weights_only=True))
model.eval()
transform = MobileNet_V2_Weights.IMAGENET1K_V1.transforms()
photographs = []
with torch.inference_mode():
    for path in sorted(folder.iterdir()):
        logits = model(transform(Image.open(path).convert("RGB"))[None])[0]
        best = torch.topk(logits, 6)
        photographs.append(
            {
                "file": path.name,
                "top5": best.indices[:5].tolist(),
                "probabilities": [round(p, 7) for p in logits.softmax(0)[best.indices[:5]].tolist()],
                "gap": round((best.values[4] - best.values[5]).item(), 6),
            }
        )
target = Path(__file__).resolve().parents[2] / "Tests/Goldens/classify/mobilenet_v2.json"
target.parent.mkdir(parents=True, exist_ok=True)
lines = ",\n".join("  " + json.dumps(p) for p in photographs)
versions = {"torch": "2.13.0", "torchvision": torchvision.__version__, "pillow": PIL.__version__}
assert torch.__version__.startswith(versions["torch"])
target.write_text(
    f'{{\n"weights": "{digest}",\n"versions": {json.dumps(versions)},\n"photographs": [\n{lines}\n]\n}}\n'
)
