"""The networks that are compared, and their conversion for each engine.

Run as `networks.py ENGINE NETWORK BATCH FOLDER`: writes into FOLDER what ENGINE needs, and nothing that stands there.
Weights are seeded random numbers; batch norms take their statistics from one batch and are then folded into the
convolutions, so that no engine depends on its converter to do so.
"""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

SIZE = 224

# Name in Swiftlet's zoo: (the dialect that agrees, library, name in the library).
NETWORKS = {
    "mobilenet_v1": ("timm", "timm", "mobilenetv1_100"),
    "mobilenet_v2": ("torchvision", "torchvision", "mobilenet_v2"),
    "mobilenet_v3_large": ("torchvision", "torchvision", "mobilenet_v3_large"),
    "mobilenet_v3_small": ("torchvision", "torchvision", "mobilenet_v3_small"),
    "se_resnet50": ("torchvision", "timm", "seresnet50"),
    "resnet18": ("torchvision", "torchvision", "resnet18"),
}


def import_torch():
    # torchvision's compiled operators may not fit the installed torch; classification needs none of them.
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "Scripts" / "goldens"))
    import loadable  # noqa: F401
    import torch

    return torch


def fold_batch_norms(module, torch):
    """Folds each batch norm into the convolution that stands before it in the same module."""
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    last = None
    for name, child in list(module.named_children()):
        if isinstance(child, torch.nn.Conv2d):
            last = name
        elif isinstance(child, torch.nn.BatchNorm2d):
            setattr(module, last, fuse_conv_bn_eval(getattr(module, last), child))
            # timm's batch norms carry the activation that follows.
            setattr(module, name, getattr(child, "act", torch.nn.Identity()))
            last = None
        else:
            fold_batch_norms(child, torch)


def network(name, torch):
    """The network with its batch norms folded, and its multiply-adds for one image."""
    _, library, entry = NETWORKS[name]
    torch.manual_seed(1)
    if library == "timm":
        import timm

        model = timm.create_model(entry, pretrained=False)
    else:
        import torchvision

        model = torchvision.models.get_model(entry, weights=None)
    norms = [module for module in model.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        model.train()(torch.randn(8, 3, SIZE, SIZE))
        model.eval()
        image = torch.randn(1, 3, SIZE, SIZE)
        expected = model(image)
        fold_batch_norms(model, torch)
        if any(isinstance(module, torch.nn.BatchNorm2d) for module in model.modules()):
            raise SystemExit(f"{name}: a batch norm is left")
        change = (model(image) - expected).abs().max() / expected.abs().max()
        if not change < 1e-3:
            raise SystemExit(f"{name}: folding the batch norms changed the output by {change:.1e}")
        return model, multiply_adds(model, image, torch)


def multiply_adds(model, image, torch):
    total = 0

    def count(module, _, output):
        nonlocal total
        positions = output.numel() // module.weight.shape[0]
        total += positions * module.weight.numel()

    hooks = [
        module.register_forward_hook(count)
        for module in model.modules()
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear))
    ]
    model(image)
    for hook in hooks:
        hook.remove()
    return total


def tool(*arguments, folder):
    """Runs a command that pip installed beside this Python."""
    path = Path(sysconfig.get_path("scripts")) / arguments[0]
    path = path if path.exists() else shutil.which(arguments[0])
    if path is None:
        raise SystemExit(f"the command {arguments[0]} is not installed")
    subprocess.run([str(path), *arguments[1:]], cwd=folder, check=True, stdout=sys.stderr)


def prepare_torch(name, batch, folder):
    import numpy as np

    torch = import_torch()
    model, cost = network(name, torch)
    image = torch.randn(batch, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        output = model(image)
    np.save(folder / "input.npy", image.numpy())
    np.save(folder / "output.npy", output.numpy())
    (folder / "multiply-adds").write_text(str(cost))
    torch.save(model, folder / "model.pt")


def prepare_onnx(name, batch, folder):
    torch = import_torch()
    model, _ = loaded(folder, torch)
    image = torch.zeros(batch, 3, SIZE, SIZE)
    partial = folder / "partial.onnx"
    torch.onnx.export(
        model, (image,), str(partial), dynamo=False, opset_version=17, input_names=["input"], output_names=["logits"])
    partial.rename(folder / "model.onnx")


def prepare_ncnn(name, batch, folder):
    # ncnn's blobs have no batch axis: its network takes one image.
    torch = import_torch()
    model, _ = loaded(folder, torch)
    torch.jit.trace(model, torch.zeros(1, 3, SIZE, SIZE)).save(str(folder / "network.pt"))
    tool("pnnx", "network.pt", f"inputshape=[1,3,{SIZE},{SIZE}]", "fp16=0", folder=folder)


def prepare_mnn(name, batch, folder):
    tool(
        "mnnconvert", "-f", "ONNX", "--modelFile", "model.onnx", "--MNNModel", "model.mnn", "--bizCode", "peers",
        folder=folder)


def prepare_litert(name, batch, folder):
    torch = import_torch()
    import litert_torch

    model, _ = loaded(folder, torch)
    model = litert_torch.to_channel_last_io(model, args=[0])
    litert_torch.convert(model, (torch.zeros(batch, SIZE, SIZE, 3),)).export(str(folder / "model.tflite"))


def loaded(folder, torch):
    model = torch.load(folder / "model.pt", weights_only=False).eval()
    return model, int((folder / "multiply-adds").read_text())


# What is written, and by whom; ONNX files follow from PyTorch's module.
FILES = {"torch": "model.pt", "onnx": "model.onnx", "ncnn": "network.ncnn.param", "mnn": "model.mnn",
         "litert": "model.tflite"}
STEPS = {"torch": prepare_torch, "onnx": prepare_onnx, "ncnn": prepare_ncnn, "mnn": prepare_mnn,
         "litert": prepare_litert}


def main():
    step, name, batch, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / FILES[step]).exists():
        STEPS[step](name, batch, folder)


if __name__ == "__main__":
    main()
