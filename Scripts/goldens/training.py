"""Goldens of training: the first step's gradients and the losses of ten steps, as PyTorch computes them.

Writes Tests/Goldens/training; README.md beside this file states the rule by which weights and batches are drawn, which
Swift repeats. The networks run in float64 on values rounded to float32: the goldens carry no rounding of their own.
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
import torchvision
from seeded import SEED, uniform
from torch import nn

CLASSES = 10
STEPS = 10
MOMENTUM = 0.9
# Learning rate times weight decay: large, so that the losses depend on it.
SHRINKAGE = 1e-3
# Entries of each gradient that are stored; all where there are no more than that.
SAMPLES = 128
# Norm offsets are moved by (nudge - 128) * NUDGE.
NUDGE = 0.01
# The nudges of a norm before an activation: most values pass, as otherwise gradients grow from layer to layer until
# ten steps are chaos; and of a norm before a sum.
BEFORE_ACTIVATION, BEFORE_SUM = range(178, 256), range(78, 179)
# A gradient whose largest entry is below this share of the network's largest is zero in exact arithmetic.
ZERO = 1e-6
# Where the derivative of an activation jumps.
KINKS = {nn.ReLU: (0.0,), nn.ReLU6: (0.0, 6.0), nn.Hardswish: (-3.0, 3.0), nn.Hardsigmoid: (-3.0, 3.0)}


# --- The CIFAR SE-ResNets, with timm's names.


class SqueezeExcite(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, max(channels // 16, 1), 1)
        self.act = nn.ReLU()
        self.fc2 = nn.Conv2d(max(channels // 16, 1), channels, 1)
        self.gate = nn.Sigmoid()

    def forward(self, x):
        return x * self.gate(self.fc2(self.act(self.fc1(x.mean((2, 3), keepdim=True)))))


class BasicBlock(nn.Module):
    """arXiv 1512.03385, figure 5 left, with squeeze-and-excite on the branch."""

    def __init__(self, inputs, channels, stride, padded):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.act1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.se = SqueezeExcite(channels)
        self.act2 = nn.ReLU()
        self.stride, self.missing = stride, channels - inputs
        self.downsample = None
        if not padded and (stride != 1 or inputs != channels):
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    @property
    def last_norm(self):
        return self.bn2

    def identity(self, x):
        if self.downsample is not None:
            return self.downsample(x)
        x = x[:, :, :: self.stride, :: self.stride]
        return nn.functional.pad(x, (0, 0, 0, 0, self.missing // 2, self.missing - self.missing // 2))

    def forward(self, x):
        branch = self.conv2(self.act1(self.bn1(self.conv1(x))))
        return self.act2(self.se(self.bn2(branch)) + self.identity(x))


class CIFARSEResNet(nn.Module):
    def __init__(self, widths, repeats, padded):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.act1 = nn.ReLU()
        inputs = widths[0]
        for stage, width in enumerate(widths):
            blocks = []
            for index in range(repeats):
                blocks.append(BasicBlock(inputs, width, 2 if stage and not index else 1, padded))
                inputs = width
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.stages = len(widths)
        self.fc = nn.Linear(inputs, CLASSES)

    def forward(self, x):
        x = self.act1(self.bn1(self.conv1(x)))
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(x.mean((2, 3)))


# --- SE-ResNeXt-50 32x4d (arXiv 1611.05431 and 1709.01507), with the names of timm's legacy_seresnext.


class SEModule(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // 16, 1)
        self.act = nn.ReLU()
        self.fc2 = nn.Conv2d(channels // 16, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.fc2(self.act(self.fc1(x.mean((2, 3), keepdim=True)))))


class Bottleneck(nn.Module):
    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, 2 * channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(2 * channels)
        self.act1 = nn.ReLU()
        self.conv2 = nn.Conv2d(2 * channels, 2 * channels, 3, stride, 1, groups=32, bias=False)
        self.bn2 = nn.BatchNorm2d(2 * channels)
        self.act2 = nn.ReLU()
        self.conv3 = nn.Conv2d(2 * channels, 4 * channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * channels)
        self.se_module = SEModule(4 * channels)
        self.act3 = nn.ReLU()
        self.downsample = None
        if stride != 1 or inputs != 4 * channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, 4 * channels, 1, stride, bias=False), nn.BatchNorm2d(4 * channels))

    @property
    def last_norm(self):
        return self.bn3

    def se(self, x):
        return self.se_module(x)

    def identity(self, x):
        return x if self.downsample is None else self.downsample(x)

    def forward(self, x):
        y = self.act1(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(self.act2(self.bn2(self.conv2(y)))))
        return self.act3(self.se_module(y) + self.identity(x))


class SEResNeXt50(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer0 = nn.Sequential()
        self.layer0.add_module("conv1", nn.Conv2d(3, 64, 7, 2, 3, bias=False))
        self.layer0.add_module("bn1", nn.BatchNorm2d(64))
        self.layer0.add_module("act1", nn.ReLU())
        self.layer0.add_module("pool", nn.MaxPool2d(3, 2, ceil_mode=True))
        inputs = 64
        for stage, repeats in enumerate((3, 4, 6, 3)):
            channels = 64 << stage
            blocks = []
            for index in range(repeats):
                blocks.append(Bottleneck(inputs, channels, 2 if stage and not index else 1))
                inputs = 4 * channels
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.last_linear = nn.Linear(inputs, CLASSES)

    def forward(self, x):
        for layer in (self.layer0, self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
        return self.last_linear(x.mean((2, 3)))


NETWORKS = {
    "mobilenet_v2": dict(
        library="torchvision", rate=3e-4, batch=16, pixels=96,
        make=lambda: torchvision.models.mobilenet_v2(num_classes=CLASSES, dropout=0.0)),
    "mobilenet_v3_small": dict(
        library="torchvision", rate=3e-3, batch=16, pixels=96,
        make=lambda: torchvision.models.mobilenet_v3_small(num_classes=CLASSES, dropout=0.0)),
    "cifar_se_resnet20": dict(
        library="timm", rate=1e-2, batch=16, pixels=32,
        make=lambda: CIFARSEResNet((16, 32, 64), 3, padded=True)),
    "cifar_se_resnet18": dict(
        library="timm", rate=1e-3, batch=8, pixels=32,
        make=lambda: CIFARSEResNet((64, 128, 256, 512), 2, padded=False)),
    "se_resnext50_32x4d": dict(
        library="paper", rate=1e-4, batch=8, pixels=64, make=SEResNeXt50),
}


# --- The rule.


def rounded(values, shape):
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def drawn(state):
    """A state dict with the names and shapes of `state`, all nudges 128."""
    result = {}
    for name, tensor in state.items():
        prefix, _, kind = name.rpartition(".")
        shape = tuple(tensor.shape)
        if kind in ("running_mean", "running_var", "num_batches_tracked"):
            result[name] = tensor
            continue
        u = uniform(name, tensor.numel())
        if len(shape) > 1:
            values = (2 * u - 1) * math.sqrt(6 / math.prod(shape[1:]))
        elif kind == "weight":
            values = 0.75 + 0.5 * u
        elif prefix + ".running_mean" in state:
            values = (2 * u - 1) * 0.2
        else:
            # More than zero: a squeeze of one unit is not to be dead.
            values = 0.5 + 0.5 * u
        result[name] = rounded(values, shape)
    return result


def batch_of(number, batch, pixels):
    """Images as NCHW, each of 4 x 4 patches of colour with noise, and their classes."""
    stream = f"batch.{number}"
    noise = uniform(stream, batch * pixels * pixels * 3).reshape(batch, pixels, pixels, 3)
    patches = uniform(stream + ".patches", batch * 4 * 4 * 3).reshape(batch, 4, 4, 3)
    patches = patches.repeat(pixels // 4, 1).repeat(pixels // 4, 2)
    values = rounded((2 * patches - 1) + 0.5 * (2 * noise - 1), noise.shape)
    return values.permute(0, 3, 1, 2).contiguous(), (torch.arange(batch) + number) % CLASSES


def sample(name, count):
    """Which entries of a gradient are stored."""
    if count <= SAMPLES:
        return np.arange(count)
    return (uniform("sample." + name, SAMPLES) * count).astype(np.int64)


# --- Nudges: norm offsets that keep every value away from an activation's kink, where rounding would change a
# derivative by a jump.


def offsets(name, count, nudges):
    return rounded((2 * uniform(name + ".bias", count) - 1) * 0.2 + (nudges - 128.0) * NUDGE, (count,)).double()


def normalised(norm, x):
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
    return (x - mean) / torch.sqrt(variance + norm.eps) * norm.weight[:, None, None]


def widest(norm, x, kinks, name):
    """For each channel the nudge that leaves the widest gap about the kinks."""
    values = normalised(norm, x).transpose(0, 1).flatten(1).sort(1).values.contiguous()
    candidates = torch.stack([offsets(name, len(values), np.full(len(values), k)) for k in BEFORE_ACTIVATION], 1)
    gap = torch.full_like(candidates, torch.inf)
    for kink in kinks:
        targets = (kink - candidates).contiguous()
        place = torch.searchsorted(values, targets)
        for side in (place - 1, place):
            near = values.gather(1, side.clamp(0, values.shape[1] - 1))
            gap = torch.minimum(gap, (near - targets).abs())
    return BEFORE_ACTIVATION[0] + gap.argmax(1).numpy()


def settle_sum(block, branch, identity, name, nudges):
    """Nudges of a block's last norm. A channel's nudge moves the others a little through the gate, so by trial."""
    plain = normalised(block.last_norm, branch)
    count, best = plain.shape[1], 0.0
    for attempt in range(200):
        trial = BEFORE_SUM[0] + (uniform(f"trial.{name}.{attempt}", count) * len(BEFORE_SUM)).astype(np.int64)
        if attempt:
            trial = np.where(gaps < max(2e-5, best), trial, chosen)
        values = block.se(plain + offsets(name, count, trial)[:, None, None]) + identity
        found = values.abs().amin((0, 2, 3)).numpy()
        if attempt == 0 or found.min() > best:
            best, chosen, gaps = found.min(), trial, found
        if best > 2e-5:
            break
    nudges[name] = chosen


def settle(model, images):
    """Chooses the nudges from the first norm to the last, each with those before it in place. Returns them."""
    names = {module: name for name, module in model.named_modules()}
    nudges, hooks = {}, []

    def set_offset(norm, name):
        norm.bias.copy_(offsets(name, len(norm.bias), nudges[name]))

    def before_norm(norm, arguments, kinks):
        nudges[names[norm]] = widest(norm, arguments[0], kinks, names[norm])
        set_offset(norm, names[norm])

    def before_sum(norm, arguments, block):
        settle_sum(block, arguments[0], block.identity(block.input), names[norm], nudges)
        set_offset(norm, names[norm])

    def before_block(block, arguments):
        block.input = arguments[0]

    for module in model.modules():
        children = list(module.children())
        for norm, activation in zip(children, children[1:]):
            if isinstance(norm, nn.BatchNorm2d) and type(activation) in KINKS:
                kinks = KINKS[type(activation)]
                hooks.append(norm.register_forward_pre_hook(lambda m, a, kinks=kinks: before_norm(m, a, kinks)))
        if isinstance(module, (BasicBlock, Bottleneck)):
            hooks.append(module.register_forward_pre_hook(before_block))
            hooks.append(module.last_norm.register_forward_pre_hook(lambda m, a, block=module: before_sum(m, a, block)))
    with torch.no_grad():
        model(images)
    for hook in hooks:
        hook.remove()
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            nudges.setdefault(name, np.full(module.num_features, 128))
    return nudges


def nearest_kink(model, images):
    """The least distance of an activation's input to a kink, and how many inputs there are."""
    least, total, hooks = [], [0], []

    def hook(module, arguments):
        total[0] += arguments[0].numel()
        least.append(min((arguments[0] - kink).abs().min().item() for kink in KINKS[type(module)]))

    for module in model.modules():
        if type(module) in KINKS:
            # torchvision's activations work in place: what came in is seen before.
            hooks.append(module.register_forward_pre_hook(hook))
    with torch.no_grad():
        model(images)
    for handle in hooks:
        handle.remove()
    return min(least), total[0]


# --- Training.


def is_excluded(model):
    """Swiftlet's exclusions from weight decay: depthwise weights, norms, biases."""
    names = set()
    for prefix, module in model.named_modules():
        for leaf, _ in module.named_parameters(recurse=False):
            depthwise = isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1
            if isinstance(module, nn.BatchNorm2d) or leaf == "bias" or depthwise:
                names.add(f"{prefix}.{leaf}")
    return names


def train(model, state, entry, dtype, decay=None, excluded=None, momentum=MOMENTUM):
    """The losses of some steps from `state`, and the first one's gradients."""
    decay = SHRINKAGE / entry["rate"] if decay is None else decay
    model.load_state_dict(state)
    model.to(dtype).train()
    excluded = is_excluded(model) if excluded is None else excluded
    groups = [[], []]
    for name, parameter in model.named_parameters():
        groups[name in excluded].append(parameter)
    optimizer = torch.optim.SGD(
        [{"params": groups[0], "weight_decay": decay}, {"params": groups[1], "weight_decay": 0.0}],
        lr=entry["rate"], momentum=momentum)
    losses, gradients = [], {}
    for step in range(STEPS):
        images, classes = batch_of(step, entry["batch"], entry["pixels"])
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images.to(dtype)), classes)
        loss.backward()
        if step == 0:
            gradients = {n: p.grad.double().clone() for n, p in model.named_parameters()}
        optimizer.step()
        losses.append(loss.item())
    return losses, gradients


def apart(losses, others):
    return max(abs(a - b) / abs(b) for a, b in zip(losses, others))


def errors(gradients, exact):
    """For each tensor the largest deviation over its scale: its largest entry, or the network's where it is zero."""
    most = max(g.abs().max().item() for g in exact.values())
    result = {}
    for name, wanted in exact.items():
        own = wanted.abs().max().item()
        result[name] = (gradients[name] - wanted).abs().max().item() / (own if own > ZERO * most else most)
    return result


def measure(name, entry, folder):
    started = time.time()
    model = entry["make"]()
    state = drawn(model.state_dict())
    model.load_state_dict(state)
    model.double().train()
    images = batch_of(0, entry["batch"], entry["pixels"])[0].double()
    nudges = settle(model, images)
    for prefix, chosen in nudges.items():
        state[prefix + ".bias"] = offsets(prefix, len(chosen), chosen).float()
    model.load_state_dict(state)
    kink, activations = nearest_kink(model, images)

    losses, gradients = train(entry["make"](), state, entry, torch.float64)
    single_losses, single = train(entry["make"](), state, entry, torch.float32)
    strays = errors(single, gradients)
    worst = max(strays, key=strays.get)
    still, _ = train(entry["make"](), state, entry, torch.float32, momentum=0.0)
    without, _ = train(entry["make"](), state, entry, torch.float32, decay=0.0)
    everywhere, _ = train(entry["make"](), state, entry, torch.float32, excluded=set())

    rows, stored = [], []
    for tensor_name, tensor in state.items():
        shape = "x".join(map(str, tensor.shape)) or "scalar"
        gradient = gradients.get(tensor_name)
        if gradient is None:
            rows.append(f"{tensor_name}\t{shape}\n")
            continue
        rows.append(f"{tensor_name}\t{shape}\t{gradient.norm().item():.9e}\t{gradient.abs().max().item():.9e}\n")
        stored.append(gradient.flatten().numpy()[sample(tensor_name, gradient.numel())])
    (folder / f"{name}.tensors.txt").write_text("".join(rows))
    np.save(folder / f"{name}.gradients.npy", np.concatenate(stored).astype(np.float32))
    ordered = [nudges[n[: -len(".bias")]] for n in state if n.endswith(".bias") and n[: -len(".bias")] in nudges]
    np.save(folder / f"{name}.nudges.npy", np.concatenate(ordered).astype(np.uint8))

    most = max(g.abs().max().item() for g in gradients.values())
    zeros = [n for n, g in gradients.items() if g.abs().max().item() <= ZERO * most]
    result = {
        "name": name, "library": entry["library"], "batch": entry["batch"], "pixels": entry["pixels"],
        "learningRate": entry["rate"], "weightDecay": SHRINKAGE / entry["rate"],
        "losses": [float(f"{loss:.9g}") for loss in losses],
        "zeroGradients": len(zeros), "largestGradient": most,
        "nearestKink": float(f"{kink:.2g}"), "activations": activations,
        "float32Gradients": {
            "worst": float(f"{strays[worst]:.2g}"), "worstName": worst,
            "median": float(f"{np.median(list(strays.values())):.2g}"),
            "above1e-4": sum(s > 1e-4 for s in strays.values()), "of": len(strays),
        },
        "float32Losses": float(f"{apart(single_losses, losses):.2g}"),
        "lossesWithoutMomentum": float(f"{apart(still, losses):.2g}"),
        "lossesWithoutDecay": float(f"{apart(without, losses):.2g}"),
        "lossesWithDecayEverywhere": float(f"{apart(everywhere, losses):.2g}"),
    }
    print(json.dumps(result, indent=1), f"{time.time() - started:.0f} s", flush=True)
    problems = [f"{n} has no gradient" for n in zeros if n[: -len(".bias")] not in nudges]
    if strays[worst] > 3e-5:
        problems.append("float32 strays by more than a third of the tests' tolerance in a gradient")
    if result["float32Losses"] > 5e-4:
        problems.append("float32 strays by more than half of the tests' tolerance in a loss")
    for key in ("lossesWithoutMomentum", "lossesWithoutDecay", "lossesWithDecayEverywhere"):
        if result[key] < 2e-3:
            problems.append(f"the losses hardly show it: {key}")
    for problem in problems:
        print("  REFUSED:", problem, flush=True)
    return result, bool(problems)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(__file__).resolve().parents[2]
    parser.add_argument("--output", type=Path, default=root / "Tests/Goldens/training")
    parser.add_argument("--only", help="only the networks whose name contains this; writes no manifest")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    results = []
    for name, entry in NETWORKS.items():
        if (arguments.only or "") in name:
            results.append(measure(name, entry, arguments.output))
    if any(refused for _, refused in results):
        raise SystemExit("refused")
    if arguments.only is None:
        manifest = {
            "seed": SEED, "classes": CLASSES, "samples": SAMPLES, "nudge": NUDGE, "zero": ZERO,
            "momentum": MOMENTUM,
            "versions": {
                "python": platform.python_version(), "torch": torch.__version__.split("+")[0],
                "torchvision": torchvision.__version__.split("+")[0], "numpy": np.__version__,
            },
            "networks": [result for result, _ in results],
        }
        (arguments.output / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main()
