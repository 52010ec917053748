"""Goldens of optimizers and of a grouped block: what PyTorch makes of a small network in some steps, and of an SE-ResNeXt block's gradients.

Writes Tests/Goldens/steps/goldens.json; README.md beside this file states the rule by which numbers are drawn, which Swift repeats.
Everything runs in float64 on values rounded to float32.
"""

import argparse
import json
import platform
from pathlib import Path

import numpy as np
import torch
from seeded import SEED, uniform
from torch import nn
from torch.nn import functional as F

CLASSES, BATCH, HEIGHT, WIDTH = 5, 5, 8, 7
RATE, DECAY, CLIP, AVERAGE = 0.05, 1e-2, 0.05, 0.9
SMOOTHING, TEMPERATURE, TEACHER = 0.1, 3.0, 0.7
UPDATES = 4


def drawn(stream, shape, low, high):
    u = uniform(stream, int(np.prod(shape)))
    return torch.from_numpy((low + (high - low) * u).astype(np.float32).reshape(shape)).double()


def bounds(name):
    if name.endswith("norm.scale"):
        return 0.7, 1.3
    if name.endswith("norm.offset"):
        return -0.3, 0.3
    return -0.5, 0.5


# --- Layers on Swiftlet's layouts: images [N, H, W, C], weights [kh, kw, I / groups, O], linear [I, O].


def convolution(x, weight, stride=1, padding=0, groups=1):
    y = F.conv2d(x.permute(0, 3, 1, 2), weight.permute(3, 2, 0, 1), stride=stride, padding=padding, groups=groups)
    return y.permute(0, 2, 3, 1)


def depthwise(x, weight):
    return convolution(x, weight.unsqueeze(2), padding=weight.shape[0] // 2, groups=x.shape[3])


def norm(x, scale, offset):
    return F.batch_norm(x.permute(0, 3, 1, 2), None, None, scale, offset, True, 0.1, 1e-5).permute(0, 2, 3, 1)


# --- The optimizers.

SHAPES = {
    "stem": (3, 3, 3, 12), "stem.norm.scale": (12,), "stem.norm.offset": (12,), "depthwise": (3, 3, 12),
    "depthwise.norm.scale": (12,), "depthwise.norm.offset": (12,), "classifier.weight": (12, CLASSES),
    "classifier.bias": (CLASSES,),
}


def logits(p, x):
    y = F.silu(norm(convolution(x, p["stem"], padding=1), p["stem.norm.scale"], p["stem.norm.offset"]))
    y = torch.tanh(norm(depthwise(y, p["depthwise"]), p["depthwise.norm.scale"], p["depthwise.norm.offset"]))
    return y.mean((1, 2)) @ p["classifier.weight"] + p["classifier.bias"]


class TensorFlowRMSProp(torch.optim.Optimizer):
    """tf.train.RMSPropOptimizer: squares from 1, epsilon inside the root, the rate inside the momentum."""

    def __init__(self, params, lr, decay=0.9, momentum=0.9, epsilon=1e-3):
        super().__init__(params, dict(lr=lr, decay=decay, momentum=momentum, epsilon=epsilon, weight_decay=0.0))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["square"], state["momentum"] = torch.ones_like(p), torch.zeros_like(p)
                g = p.grad + group["weight_decay"] * p
                state["square"].mul_(group["decay"]).addcmul_(g, g, value=1 - group["decay"])
                state["momentum"].mul_(group["momentum"]).add_(
                    group["lr"] * g / torch.sqrt(state["square"] + group["epsilon"]))
                p.sub_(state["momentum"])


def sgd(momentum, nesterov=False):
    return lambda groups: torch.optim.SGD(groups, lr=RATE, momentum=momentum, nesterov=nesterov)


CASES = {
    "sgd": dict(make=sgd(0.0)),
    "momentum": dict(make=sgd(0.9)),
    "nesterov": dict(make=sgd(0.9, True)),
    "rmsProp": dict(make=lambda groups: TensorFlowRMSProp(groups, lr=RATE)),
    "adamW": dict(make=lambda groups: torch.optim.AdamW(groups, lr=RATE)),
    "clipping": dict(make=sgd(0.9), clip=CLIP),
    "accumulation": dict(make=sgd(0.9), runs=2),
    "averages": dict(make=sgd(0.9), averages=True),
    "distillation": dict(make=sgd(0.9), teacher=True),
}


def loss_of(p, number, teacher):
    x = drawn(f"image.{number}", (BATCH, HEIGHT, WIDTH, 3), -1, 1)
    z = logits(p, x)
    classes = (torch.arange(BATCH) + number) % CLASSES
    hard = F.cross_entropy(z, classes, label_smoothing=SMOOTHING)
    if not teacher:
        return hard
    t = drawn(f"teacher.{number}", (BATCH, CLASSES), -1, 1)
    soft = F.kl_div(
        F.log_softmax(z / TEMPERATURE, 1), F.softmax(t / TEMPERATURE, 1), reduction="batchmean") * TEMPERATURE**2
    return (1 - TEACHER) * hard + TEACHER * soft


def optimized(make, clip=None, runs=1, averages=False, teacher=False):
    p = {n: drawn(n, s, *bounds(n)).requires_grad_() for n, s in SHAPES.items()}
    decayed = ["stem", "classifier.weight"]
    optimizer = make([
        {"params": [p[n] for n in decayed], "weight_decay": DECAY},
        {"params": [p[n] for n in p if n not in decayed], "weight_decay": 0.0}])
    average = {n: v.detach().clone() for n, v in p.items()}
    losses, number = [], 0
    for _ in range(UPDATES):
        optimizer.zero_grad()
        for _ in range(runs):
            number += 1
            loss = loss_of(p, number, teacher)
            (loss / runs).backward()
            losses.append(loss.item())
        if clip is not None:
            nn.utils.clip_grad_norm_(list(p.values()), clip)
        optimizer.step()
        torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE)(list(average.values()), [v.detach() for v in p.values()], None)
    result = average if averages else p
    return {"losses": losses, "parameters": {n: flat(v) for n, v in result.items()}}


def flat(tensor):
    return [float(np.float32(v)) for v in tensor.detach().flatten().tolist()]


# --- An SE-ResNeXt block (arXiv 1611.05431 and 1709.01507): 32 groups of 4 channels, stride 2.

BLOCK = {
    "conv1.weight": (1, 1, 64, 128), "conv1.norm.scale": (128,), "conv1.norm.offset": (128,),
    "conv2.weight": (3, 3, 4, 128), "conv2.norm.scale": (128,), "conv2.norm.offset": (128,),
    "conv3.weight": (1, 1, 128, 256), "conv3.norm.scale": (256,), "conv3.norm.offset": (256,),
    "squeeze.reduce.weight": (256, 16), "squeeze.reduce.bias": (16,), "squeeze.expand.weight": (16, 256),
    "squeeze.expand.bias": (256,), "shortcut.weight": (1, 1, 64, 256), "shortcut.norm.scale": (256,),
    "shortcut.norm.offset": (256,),
}
BLOCK_INPUT, BLOCK_OUTPUT = (4, 9, 9, 64), (4, 5, 5, 256)
SAMPLES = 256
# The least distance of a value before a ReLU from zero: rounding in single precision is not to take it across.
NEAREST = 2e-5


def block(p, x):
    distances = []

    def relu(y):
        distances.append(y.detach().abs().min().item())
        return F.relu(y)

    def layer(x, name, **options):
        y = convolution(x, p[name + ".weight"], **options)
        return norm(y, p[name + ".norm.scale"], p[name + ".norm.offset"])

    y = relu(layer(x, "conv1"))
    y = relu(layer(y, "conv2", stride=2, padding=1, groups=32))
    y = layer(y, "conv3")
    s = relu(y.mean((1, 2)) @ p["squeeze.reduce.weight"] + p["squeeze.reduce.bias"])
    gate = torch.sigmoid(s @ p["squeeze.expand.weight"] + p["squeeze.expand.bias"])
    y = relu(y * gate[:, None, None, :] + layer(x, "shortcut", stride=2))
    return y, min(distances)


def grouped():
    for attempt in range(500):
        p = {n: drawn(f"{attempt}.{n}", s, *bounds(n)).requires_grad_() for n, s in BLOCK.items()}
        x = drawn(f"{attempt}.image", BLOCK_INPUT, -1, 1).requires_grad_()
        y, nearest = block(p, x)
        if nearest > NEAREST:
            break
    else:
        raise SystemExit("REFUSED: no attempt keeps its distance from the kinks")
    (y * drawn("gradient", BLOCK_OUTPUT, -1, 1)).sum().backward()
    single = {n: v.detach().float().requires_grad_() for n, v in p.items()}
    again, _ = block(single, x.detach().float())
    (again * drawn("gradient", BLOCK_OUTPUT, -1, 1).float()).sum().backward()
    result = {}
    for name, v in [*p.items(), ("image", x)]:
        g = v.grad.flatten()
        at = np.arange(len(g)) if len(g) <= SAMPLES else (uniform("sample." + name, SAMPLES) * len(g)).astype(np.int64)
        entry = {
            "norm": v.grad.norm().item(), "largest": g.abs().max().item(), "entries": flat(g[torch.from_numpy(at)])}
        if name in single:
            entry["float32"] = ((single[name].grad.double().flatten() - g).abs().max() / g.abs().max()).item()
            if entry["float32"] > 3e-5:
                raise SystemExit(f"REFUSED: {name} strays by {entry['float32']} in float32")
        result[name] = entry
    return {"attempt": attempt, "nearestKink": nearest, "samples": SAMPLES, "gradients": result}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--output", type=Path, default=root / "Tests/Goldens/steps")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    golden = {
        "seed": SEED,
        "versions": {
            "python": platform.python_version(), "torch": torch.__version__.split("+")[0], "numpy": np.__version__},
        "cases": {name: optimized(**case) for name, case in CASES.items()},
        "block": grouped(),
    }
    for name, case in golden["cases"].items():
        if name not in ("momentum", "averages") and case["parameters"] == golden["cases"]["momentum"]["parameters"]:
            raise SystemExit(f"REFUSED: {name} does not show")
    (arguments.output / "goldens.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
