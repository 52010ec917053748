"""Goldens of weight files: small files written by PyTorch and safetensors, and what is in them.

Writes Tests/Goldens/formats:

* `*.pth`, `*.safetensors`: the files, a few KB each, and `expected.json`: file -> [[name, dtype, shape, bytes
  in hexadecimal, in C order, little-endian], ...] in the order that a reader should give;
* `refused-*.pth`: files that a reader must refuse, each written by the program that writes such files;
* `<checkpoint>.txt`: for a real checkpoint under ../shared/data, `name<TAB>dtype<TAB>shape<TAB>SHA-256 of the
  bytes` of each tensor. Where ../shared/data is absent these files are left as they are.

PyTorch's older form names a storage by its address, so the bytes of the `*.legacy.*` files, not their contents,
change from run to run; all others stay.

    .venv/bin/python Scripts/goldens/formats.py
"""

import collections
import hashlib
import json
import os
import pickle
import zipfile
from pathlib import Path

import safetensors.torch
import torch

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "Tests" / "Goldens" / "formats"
SHARED = ROOT.parent / "shared" / "data"

REAL = {
    "mobilenet_v2": "weights/imagenet/mobilenet_v2-b0353104.pth",
    "minifasnet_v1_se": "weights/other/4_0_0_80x80_MiniFASNetV1SE.pth",
}


def raw(tensor):
    """The bytes of the elements in C order."""
    flat = tensor.detach().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def described(tensors):
    return [
        [name, str(tensor.dtype).removeprefix("torch."), list(tensor.shape), raw(tensor).hex()]
        for name, tensor in tensors.items()
    ]


def every_dtype():
    """One tensor of each type, with the values that go wrong first."""
    floats = [0.0, -0.0, 1.5, -2.25, 65504.0, 6e-8, float("inf"), float("-inf")]
    tensors = collections.OrderedDict()
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        tensors[f"dtype.{dtype}".replace("torch.", "")] = torch.tensor(floats, dtype=dtype).reshape(2, 4)
    for bits in (64, 32, 16, 8):
        signed = getattr(torch, f"int{bits}")
        tensors[f"dtype.int{bits}"] = torch.tensor(
            [0, 1, -1, 2 ** (bits - 1) - 1, -(2 ** (bits - 1)), 42], dtype=signed
        ).reshape(3, 2)
        unsigned = getattr(torch, f"uint{bits}")
        tensors[f"dtype.uint{bits}"] = torch.tensor([0, 1, 2 ** (bits - 1), 2**bits - 1], dtype=unsigned)
    tensors["dtype.bool"] = torch.tensor([[True, False, True]])
    return tensors


def views():
    """Tensors that are not simply one block of memory."""
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    shared = torch.arange(16, dtype=torch.int32)
    image = torch.arange(2 * 3 * 4 * 5, dtype=torch.float32).reshape(2, 3, 4, 5)
    return collections.OrderedDict(
        [
            ("view.whole", base),
            ("view.transposed", base.t()),
            ("view.columns", base[:, 1:4]),
            ("view.everyOther", base[::2, ::3]),
            ("view.expanded", torch.tensor([1.0, 2.0, 3.0]).expand(4, 3)),
            ("view.scalarExpanded", torch.tensor(7, dtype=torch.int16).expand(2, 5)),
            ("view.overlapping", torch.arange(6, dtype=torch.float64).as_strided((4, 3), (1, 1))),
            ("view.channelsLast", image.to(memory_format=torch.channels_last)),
            ("view.oddStrideOfOne", torch.arange(6.0).as_strided((1, 6), (999, 1))),
            ("shared.first", shared[:8]),
            ("shared.second", shared[8:].view(2, 4)),
            ("shared.same", shared[:8]),
            ("shape.scalar", torch.tensor(3.25)),
            ("shape.empty", torch.empty(0, 3)),
            ("shape.ones", torch.ones(1, 1, 1, 1)),
            ("parameter", torch.nn.Parameter(torch.tensor([0.5, -0.5]))),
            ("größe.重み", torch.tensor([1, 2, 3])),
        ]
    )


def training_checkpoint():
    """What a training script keeps: a state dict among many other things."""
    state = collections.OrderedDict({**every_dtype(), **views()})
    return state, {
        "epoch": 3,
        "best": 71.25,
        "args": {"lr": 0.1, "names": ["a", "b"], "none": None, "flag": True, "large": 2**70, "small": -(2**40)},
        "shape": torch.Size([2, 3]),
        "dtype": torch.float16,
        "optimizer": {"state": {0: {"step": torch.tensor(4.0)}}, "param_groups": [{"params": [0, 1, 2]}]},
        "best_acc1": torch.tensor(12.5),
        "state_dict": state,
    }


class Hostile:
    """What a hostile file does in PyTorch's unrestricted reader."""

    def __reduce__(self):
        return os.system, ("echo a weight file ran this",)


def whole_init(self):
    torch.nn.Module.__init__(self)
    self.weight = torch.nn.Parameter(torch.ones(2))


# A network that somebody saves whole. Made this way it has no source, which the older form would save with it.
Whole = type("Whole", (torch.nn.Module,), {"__init__": whole_init})


def save(name, value, protocol=2, zipped=True):
    torch.save(value, OUTPUT / name, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)


def write_checkpoints(expected):
    state, checkpoint = training_checkpoint()
    for form, zipped in (("zip", True), ("legacy", False)):
        for protocol in (2, 3, 4, 5):
            save(f"training.{form}.{protocol}.pth", checkpoint, protocol, zipped)
            expected[f"training.{form}.{protocol}.pth"] = described(state)

    # state_dict() carries `_metadata`, which a pickle sets by BUILD.
    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3, bias=False), torch.nn.BatchNorm2d(3))
    for form, zipped in (("zip", True), ("legacy", False)):
        save(f"bare.{form}.pth", network.state_dict(), zipped=zipped)
        expected[f"bare.{form}.pth"] = described(network.state_dict())
    parallel = collections.OrderedDict((f"module.{k}", v) for k, v in network.state_dict().items())
    save("parallel.pth", {"model": parallel, "epoch": 1})
    expected["parallel.pth"] = described(parallel)
    averaged = torch.optim.swa_utils.AveragedModel(torch.nn.DataParallel(network))
    save("averaged.pth", {"model_ema": averaged.state_dict()})
    expected["averaged.pth"] = described(averaged.state_dict())

    # Somebody unpacked a checkpoint and zipped it again, deflated.
    with zipfile.ZipFile(OUTPUT / "bare.zip.pth") as source:
        with zipfile.ZipFile(OUTPUT / "deflated.pth", "w", zipfile.ZIP_DEFLATED) as target:
            for entry in source.infolist():
                target.writestr(zipfile.ZipInfo(entry.filename), source.read(entry), zipfile.ZIP_DEFLATED)
    expected["deflated.pth"] = described(network.state_dict())

    save("refused-system.zip.pth", {"state_dict": Hostile()})
    save("refused-system.legacy.pth", {"state_dict": Hostile()}, zipped=False)
    save("module.zip.pth", Whole())
    save("module.legacy.pth", Whole(), zipped=False)
    for form in ("zip", "legacy"):
        expected[f"module.{form}.pth"] = described(Whole().state_dict())
    (OUTPUT / "refused-pickle.pth").write_bytes(pickle.dumps({"a": [1, 2]}, protocol=2))

    # 20 MiB of zeros in 20 KB: a small bomb.
    with zipfile.ZipFile(OUTPUT / "bare.zip.pth") as source:
        with zipfile.ZipFile(OUTPUT / "refused-bomb.pth", "w", zipfile.ZIP_DEFLATED) as target:
            for entry in source.infolist():
                target.writestr(zipfile.ZipInfo(entry.filename), source.read(entry), zipfile.ZIP_DEFLATED)
            target.writestr(zipfile.ZipInfo("bare.zip/data/9"), bytes(20 << 20), zipfile.ZIP_DEFLATED)


def write_safetensors(expected):
    def write(name, tensors, metadata=None):
        data = safetensors.torch.save(tensors, metadata)
        (OUTPUT / name).write_bytes(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        order = sorted((n for n in header if n != "__metadata__"), key=lambda n: header[n]["data_offsets"])
        expected[name] = described({n: tensors[n] for n in order})

    contiguous = {name: tensor.contiguous().clone() for name, tensor in {**every_dtype(), **views()}.items()}
    contiguous["a \"quoted\" \\ back\tslash\u0001"] = torch.tensor([1.0])
    write("all.safetensors", contiguous, {"format": "pt"})
    write("plain.safetensors", {"b": torch.arange(6.0).reshape(2, 3), "a": torch.tensor([1, 2, 3])})
    write("none.safetensors", {}, {"note": "größe\n\"quoted\""})


def write_real():
    for name, path in REAL.items():
        if not (SHARED / path).exists():
            continue
        state = torch.load(SHARED / path, weights_only=True, map_location="cpu")
        lines = []
        for key, tensor in state.items():
            shape = "x".join(map(str, tensor.shape)) or "scalar"
            digest = hashlib.sha256(raw(tensor)).hexdigest()
            lines.append(f"{key}\t{str(tensor.dtype)[6:]}\t{shape}\t{digest}\n")
        (OUTPUT / f"{name}.txt").write_text("".join(lines))


def main():
    OUTPUT.mkdir(parents=True, exist_ok=True)
    expected = {}
    write_checkpoints(expected)
    write_safetensors(expected)
    write_real()
    lines = ",\n".join(f'"{name}": {json.dumps(value, ensure_ascii=False)}' for name, value in expected.items())
    (OUTPUT / "expected.json").write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main()
