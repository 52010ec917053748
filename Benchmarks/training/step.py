"""PyTorch's step of training on random data, in a process of its own: forward, cross-entropy, backward, SGD.

`step.py NETWORK BATCH THREADS SECONDS [--channels-last] [--compile]` answers a JSON object with the times of the
steps after a warm-up, in seconds, and the process's memory; `step.py NETWORK` the network's size.
"""

import argparse
import json
import math
import resource
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "Scripts" / "goldens"))
warnings.filterwarnings("ignore")
import torch

import loadable  # noqa: F401, before torchvision
import torchvision
from training import CIFARSEResNet

WARM_UPS = 2
FEWEST_STEPS = 3


def cifar_mobilenet_v2():
    model = torchvision.models.mobilenet_v2(num_classes=10)
    model.features[0][0].stride = (1, 1)
    return model


# Name in Swiftlet's zoo: classes, pixels, the module.
NETWORKS = {
    "mobilenet_v2": (1000, 224, torchvision.models.mobilenet_v2),
    "mobilenet_v3_large": (1000, 224, torchvision.models.mobilenet_v3_large),
    "cifar_mobilenet_v2": (10, 32, cifar_mobilenet_v2),
    "cifar_se_resnet18": (10, 32, lambda: CIFARSEResNet((64, 128, 256, 512), 2, padded=False)),
}


def size(name):
    _, pixels, make = NETWORKS[name]
    counts = []

    def hook(module, _, output):
        counts.append(output[0].numel() * math.prod(module.weight.shape[1:]))

    with torch.device("meta"):
        model = make().eval()
        for module in model.modules():
            if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
                module.register_forward_hook(hook)
        model(torch.empty(1, 3, pixels, pixels))
    return {"parameters": sum(p.numel() for p in model.parameters()), "multiplyAdds": sum(counts)}


def memory(field):
    """VmRSS (now) or VmHWM (the most) in bytes."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def forget_peak():
    """Sets the peak to the memory of now, so that imports and compilation do not count. Linux can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


def measure(arguments):
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    before = memory("VmRSS")
    classes, pixels, make = NETWORKS[arguments.network]
    model = make().train()
    for module in model.modules():
        if isinstance(module, torch.nn.ReLU):
            # As torchvision's networks have it.
            module.inplace = True
    images = torch.rand(arguments.batch, 3, pixels, pixels) * 2 - 1
    if arguments.channels_last:
        model = model.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    targets = torch.arange(arguments.batch) % classes
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=4e-5, fused=True)

    def loss_of(images, targets):
        return torch.nn.functional.cross_entropy(model(images), targets)

    forward = torch.compile(loss_of) if arguments.compile else loss_of

    def step():
        optimizer.zero_grad()
        forward(images, targets).backward()
        optimizer.step()

    for _ in range(WARM_UPS):
        step()
    forget_peak()
    times, start = [], time.perf_counter()
    while len(times) < FEWEST_STEPS or time.perf_counter() - start < arguments.seconds:
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return {"times": times, "peakBytes": memory("VmHWM"), "bytesBefore": before}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=list(NETWORKS))
    parser.add_argument("batch", type=int, nargs="?")
    parser.add_argument("threads", type=int, nargs="?", default=1)
    parser.add_argument("seconds", type=float, nargs="?", default=5)
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    answer = size(arguments.network) if arguments.batch is None else measure(arguments)
    print(json.dumps(answer))


main()
