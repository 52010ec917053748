"""Goldens of whole networks: what PyTorch computes for seeded weights, and the shape of every layer.

Writes Tests/Goldens/networks; README.md beside this file says how to run it and states the rule by which
weights and inputs are drawn, which Swift repeats (SwiftletCore's SeededGenerator), so that no weights are
shipped. The networks run in float64 on weights rounded to float32: the goldens carry no rounding of their
own.
"""

import argparse
import json
import math
import platform
import time
from pathlib import Path

import numpy as np
import torch

import loadable  # noqa: F401, before torchvision
import timm
import timm.models.senet as legacy_senet
import torchvision
from seeded import SEED, uniform
from torchvision.models.mobilenetv3 import MobileNetV3, _mobilenet_v3_conf

# Below this share of the logits' spread an error in a parameter could hide within the tests' tolerance, 1e-4.
LEAST_INFLUENCE = 1e-3


def filled(state, gain):
    """A state dict with the names and shapes of `state`, its values drawn by the rule in README.md."""
    result = {}
    for name, tensor in state.items():
        prefix, _, kind = name.rpartition(".")
        if kind == "num_batches_tracked":
            result[name] = tensor
            continue
        shape = tuple(tensor.shape)
        u = uniform(name, tensor.numel())
        normalises = prefix + ".running_mean" in state
        if len(shape) > 1:
            values = (2 * u - 1) * math.sqrt(6 / math.prod(shape[1:]))
        elif kind == "running_var":
            values = 0.5 + u
        elif kind == "running_mean":
            values = (2 * u - 1) * 0.2
        elif kind == "weight" and normalises:
            values = gain * (0.5 + u)
        elif kind == "bias":
            values = (2 * u - 1) * (0.2 if normalises else 0.4)
        else:
            raise SystemExit(f"{name} {shape}: the rule says nothing about this tensor")
        result[name] = torch.from_numpy(values.astype(np.float32).reshape(shape))
    return result


def seeded_input(height, width, channels=3):
    """The input as NCHW; drawn as NHWC from the stream "input"."""
    u = uniform("input", height * width * channels)
    values = (2 * u - 1).astype(np.float32).reshape(1, height, width, channels)
    return torch.from_numpy(values).permute(0, 3, 1, 2)


# --- What is run.


def scaled_v3(arch, width):
    setting, last = _mobilenet_v3_conf(arch, width_mult=width)
    return MobileNetV3(setting, last)


def senet154_downsampling_block():
    """Block layer2.0 of SENet154: 256 channels in, 512 out, stride 2, a 3x3 convolution on the shortcut."""
    shortcut = torch.nn.Sequential(
        torch.nn.Conv2d(256, 512, kernel_size=3, stride=2, padding=1, bias=False), torch.nn.BatchNorm2d(512))
    return legacy_senet.SEBottleneck(256, 128, groups=64, reduction=16, stride=2, downsample=shortcut)


def network(library, name, sizes=(64,), gain=1.0, layers=False, make=None):
    if make is None:
        if library == "torchvision":
            make = lambda: getattr(torchvision.models, name)(weights=None, **quiet(name))
        else:
            make = lambda: timm.create_model(name, pretrained=False)
    return dict(library=library, name=name, sizes=sizes, gain=gain, layers=layers, make=make)


def quiet(name):
    return {"init_weights": False} if name.startswith("vgg") else {}


# `gain` scales the batch norms' weights: 1 keeps the variance along a plain chain, less keeps a long sum of
# residual branches from growing until every gate saturates. The manifest states it.
NETWORKS = [
    network("torchvision", "mobilenet_v2", gain=0.8, layers=True),
    network(
        "torchvision", "mobilenet_v2_0.75", gain=0.8,
        make=lambda: torchvision.models.mobilenet_v2(width_mult=0.75)),
    network("torchvision", "mobilenet_v3_large", sizes=(64, 96), gain=0.9, layers=True),
    network("torchvision", "mobilenet_v3_small", sizes=(64, 96), gain=0.95, layers=True),
    network(
        "torchvision", "mobilenet_v3_large_0.75", gain=0.9,
        make=lambda: scaled_v3("mobilenet_v3_large", 0.75)),
    network("torchvision", "resnet18", gain=0.7),
    network("torchvision", "resnet34", gain=0.7),
    network("torchvision", "resnet50", gain=0.7, layers=True),
    network("torchvision", "resnet101", gain=0.6),
    network("torchvision", "resnet152", gain=0.6),
    network("torchvision", "vgg16", sizes=(32,)),
    network("torchvision", "vgg16_bn", sizes=(32,)),
    network("timm", "mobilenetv1_100", layers=True),
    network("timm", "seresnet50", gain=0.7),
    network("timm", "legacy_seresnet18", sizes=(64, 75), gain=0.7),
    network("timm", "legacy_seresnet50", gain=0.7),
    network("timm", "legacy_seresnext50_32x4d", gain=0.7),
    network("timm", "legacy_senet154", gain=0.7),
    network("timm", "mobilenetv3_large_100", gain=0.87),
    network("timm", "mobilenetv3_small_100"),
    network("timm", "tf_mobilenetv3_large_100", sizes=(64, 75), gain=0.87),
    network("timm", "tf_mobilenetv3_small_100", sizes=(64, 75)),
    network("timm", "tf_mobilenetv3_large_075", gain=0.87),
    network("timm", "tf_mobilenetv3_small_075"),
    network("timm", "tf_mobilenetv3_large_minimal_100", gain=0.75),
    network("timm", "mobilenet_edgetpu_100", gain=0.75),
    network("timm", "legacy_senet154.layer2.0", sizes=((9, 7),), make=senet154_downsampling_block),
]


# --- Measuring and checking.


def observed(model, x, values=True):
    """The output; for every convolution and linear layer in the order of execution its name, NHWC shape and
    multiply-adds; and the largest share of a squeeze-excite gate's values that lie against 0 or 1."""
    layers, saturated, hooks = [], [], []

    def layer_hook(name):
        def hook(module, _, output):
            shape = tuple(output.permute(0, 2, 3, 1).shape) if output.dim() == 4 else tuple(output.shape)
            layers.append((name, shape, output[0].numel() * math.prod(module.weight.shape[1:])))
        return hook

    def gate_hook(module, _, output):
        saturated.append(((output < 1e-3) | (output > 1 - 1e-3)).double().mean().item())

    for name, module in model.named_modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            hooks.append(module.register_forward_hook(layer_hook(name)))
        elif values and "sigmoid" in type(module).__name__.lower():
            hooks.append(module.register_forward_hook(gate_hook))
    output = model(x)
    for hook in hooks:
        hook.remove()
    return output, layers, max(saturated, default=0.0)


def weakest_parameter(model, output):
    """The parameter that moves the output least, and by what share of the output's spread a relative change
    of order 1, of random sign in every element, moves it."""
    flat = output.flatten()
    signs = torch.from_numpy(np.where(uniform("signs", flat.numel()) < 0.5, -1.0, 1.0))
    (flat * signs).sum().div(math.sqrt(flat.numel())).backward()
    spread = flat.std().item()
    influence = {n: (p.grad * p).norm().item() / spread for n, p in model.named_parameters()}
    name = min(influence, key=influence.get)
    return name, influence[name]


def multiply_adds(make, size):
    """The multiply-adds of convolutions and linear layers at a size, from shapes alone."""
    with torch.device("meta"):
        model = make().eval()
        return sum(row[2] for row in observed(model, torch.empty(1, 3, size, size), values=False)[1])


def measure(entry, folder):
    library, name = entry["library"], entry["name"]
    torch.manual_seed(0)
    model = entry["make"]().eval()
    state = model.state_dict()
    rows = [f"{n}\t{'x'.join(map(str, t.shape)) or 'scalar'}\n" for n, t in state.items()]
    (folder / f"{library}.{name}.names.txt").write_text("".join(rows))
    model.load_state_dict(filled(state, entry["gain"]), strict=True)
    parameters = sum(p.numel() for p in model.parameters())

    results = []
    for size in entry["sizes"]:
        height, width = size if isinstance(size, tuple) else (size, size)
        is_block = isinstance(size, tuple)
        x = seeded_input(height, width, 256 if is_block else 3)
        with torch.no_grad():
            single = model.float()(x).double()
        model.double().zero_grad()
        output, layers, saturated = observed(model, x.double())
        with torch.no_grad():
            other = model(-x.double())
        weakest, influence = weakest_parameter(model, output)
        output = output.detach()
        spread = output.std().item()
        moved = (output - other).std().item() / spread
        deviation = ((single - output).abs().max() / output.abs().max()).item()

        suffix = "" if is_block else f".{size}"
        file = f"{library}.{name}{suffix}.npy"
        golden = output.permute(0, 2, 3, 1) if output.dim() == 4 else output
        np.save(folder / file, golden.contiguous().numpy().astype(np.float32))
        listed = entry["layers"] and size == entry["sizes"][0]
        if listed:
            text = "".join(f"{n}\t{'x'.join(map(str, s))}\t{m}\n" for n, s, m in layers)
            (folder / f"{library}.{name}.layers.txt").write_text(text)
        results.append({
            "library": library, "name": name, "height": height, "width": width,
            "inputChannels": x.shape[1], "parameters": parameters,
            "multiplyAdds": sum(m for _, _, m in layers),
            "multiplyAddsAt224": None if is_block else multiply_adds(entry["make"], 224),
            "batchNormGain": entry["gain"],
            "names": f"{library}.{name}.names.txt",
            "layers": f"{library}.{name}.layers.txt" if listed else None,
            "output": file, "outputShape": list(golden.shape),
            "outputMean": round(output.mean().item(), 6), "outputDeviation": round(spread, 6),
            "movedByNegatingInput": float(f"{moved:.3g}"),
            "float32Deviation": float(f"{deviation:.2g}"),
        })
        print(f"{file:48} spread {spread:9.4g} mean {output.mean():9.3g} moved {moved:6.3f} "
              f"float32 {deviation:.1e} saturated {saturated:.2f} weakest {influence:.1e} {weakest}",
              flush=True)
        problems = []
        if not math.isfinite(spread) or not 0.05 < spread < 2000:
            problems.append("the spread of the output")
        if moved < 0.03:
            problems.append("the output hardly depends on the input")
        if saturated > 0.5:
            problems.append("a gate is saturated")
        if influence < LEAST_INFLUENCE:
            problems.append(f"{weakest} hardly matters")
        if deviation > 1e-5:
            problems.append("float32 strays by more than a tenth of the tests' tolerance")
        if problems:
            print("  REFUSED: " + "; ".join(problems), flush=True)
        results[-1]["problems"] = problems
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--output", type=Path, default=root / "Tests/Goldens/networks")
    parser.add_argument("--only", help="only the networks whose name contains this; writes no manifest")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    started = time.time()
    results = []
    for entry in NETWORKS:
        if arguments.only is None or arguments.only in entry["name"]:
            results += measure(entry, arguments.output)
    refused = [r["output"] for r in results if r.pop("problems")]
    if refused:
        raise SystemExit("refused: " + ", ".join(refused))
    if arguments.only is None:
        manifest = {
            "seed": SEED, "inputStream": "input",
            "versions": {
                "python": platform.python_version(), "torch": torch.__version__.split("+")[0],
                "torchvision": torchvision.__version__.split("+")[0], "timm": timm.__version__,
                "numpy": np.__version__,
            },
            "networks": results,
        }
        (arguments.output / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    print(f"{len(results)} goldens in {time.time() - started:.0f} s")


main()
