"""Goldens of checkpoints as people have them: files that training tools wrote, and the logits of their networks.

Writes Tests/Goldens/checkpoints: `files.zip` with one file for each case, and `manifest.json`: for each file its network, dialect,
classes, the logits by PyTorch for the input of README.md's rule (64 x 64), what a reader must say about it (`notes`), and
the key of other weights that it holds (`other`, with their logits).

The networks are tiny (widths 0.1 and 0.15), and their weights are strided views of one storage of 2048 numbers, so that a file
takes a few ten KB. Batch norms have the statistics of a batch. The bytes, not the contents, change from run to run.

    .venv/bin/pip install -r Scripts/goldens/checkpoints-requirements.txt
    .venv/bin/python Scripts/goldens/checkpoints.py
"""

import argparse
import collections
import datetime
import enum
import functools
import json
import logging
import math
import os
import pathlib
import shutil
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

import loadable  # noqa: F401, before torchvision
import accelerate
import ema_pytorch
import fastai.vision.all as fastai
import ignite.engine
import ignite.handlers
import lightning
import safetensors.torch
import thop
import timm
import timm.utils
import torch_ema
import torchmetrics
import torchvision
import transformers
from seeded import uniform
from torchvision.models.mobilenetv3 import MobileNetV3, _mobilenet_v3_conf

OUTPUT = Path(__file__).resolve().parents[2] / "Tests" / "Goldens" / "checkpoints"
NUMBERS = 2048


# --- Networks.


def images(count=1, size=64, stream="input"):
    """Images as NCHW; drawn as NHWC from the stream."""
    values = (2 * uniform(stream, count * size * size * 3) - 1).astype(np.float32)
    return torch.from_numpy(values.reshape(count, size, size, 3)).permute(0, 3, 1, 2)


def view(storage, shape, offset):
    """A tensor of that shape over a storage of few numbers: no two of its rows start at the same one."""
    shape = tuple(shape)
    least = sum(size - 1 for size in shape)
    offset = min(offset, NUMBERS - 1 - least)
    room, strides = NUMBERS - 1 - offset - least, []
    for size in shape:
        more = int(room * 0.6) // max(size - 1, 1)
        strides.append(1 + more - more % 2)
        room -= (size - 1) * (strides[-1] - 1)
    return storage.as_strided(shape, strides, offset)


def prepared(network, seed="a"):
    """The network with drawn weights in views of two storages, and norms that fit a batch."""
    signed = torch.from_numpy((2 * uniform(f"weights.{seed}", NUMBERS) - 1).astype(np.float32))
    positive = signed * 0.5 + 1
    for index, (name, parameter) in enumerate(network.named_parameters()):
        is_scale = parameter.dim() == 1 and name.endswith("weight")
        parameter.data = view(positive if is_scale else signed, parameter.shape, (17 * index) % 600)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = None
    network.train()
    with torch.no_grad():
        network(images(4, stream="batch"))
    joined(network)
    return network.eval()


def joined(network):
    """The buffers of each type as parts of one storage, as a file needs less room for them."""
    for dtype in {b.dtype for b in network.buffers()}:
        buffers = [b for b in network.buffers() if b.dtype == dtype]
        flat = torch.cat([b.flatten() for b in buffers])
        for buffer, part in zip(buffers, flat.split([b.numel() for b in buffers])):
            buffer.set_(part.view(buffer.shape))


def v3(classes=10, seed="a", width=0.15):
    setting, last = _mobilenet_v3_conf("mobilenet_v3_small", width_mult=width)
    return prepared(MobileNetV3(setting, last, num_classes=classes), seed)


def v2(classes=10, seed="a", width=0.1):
    return prepared(torchvision.models.mobilenet_v2(width_mult=width, num_classes=classes), seed)


def timm_v3(name="mobilenetv3_small_050", classes=10):
    tensorflow = dict(bn_eps=1e-3, pad_type="same") if name.startswith("tf_") else {}
    return prepared(timm.models.mobilenetv3._gen_mobilenet_v3(name, 0.1, num_classes=classes, **tensorflow))


def share(network, other):
    """Gives a copy of a network the storages of the original again."""
    for copied, original in zip(network.parameters(), other.parameters()):
        copied.data = original.data
    joined(network)


def separate(network):
    """Tensors that share nothing, as safetensors needs them."""
    for tensor in [*network.parameters(), *network.buffers()]:
        tensor.data = tensor.data.clone(memory_format=torch.contiguous_format)
    return network


def renamed(head, network, attribute="classifier"):
    """The network with another head, whose weights are drawn too."""
    for index, parameter in enumerate(head.parameters()):
        signed = torch.from_numpy((2 * uniform(f"head.{index}", NUMBERS) - 1).astype(np.float32))
        parameter.data = view(signed, parameter.shape, index)
    setattr(network, attribute, head)
    return network.eval()


def logits(network):
    with torch.no_grad():
        return network.eval()(images()).flatten().tolist()


# --- Cases: each writes a file and returns its network and what else there is to check.

CASES = []


def case(file, network="mobilenet_v3_small", dialect="torchvision", notes=()):
    def register(function):
        CASES.append((file, function, dict(network=network, dialect=dialect, notes=list(notes))))
        return function

    return register


class Phase(enum.Enum):
    WARM = 1
    MAIN = 2


class Settings(dict):
    """A subclass of dict with attributes, as configuration libraries have."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.frozen = True


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self):
        self.a, self.b = 1, {"x": torch.ones(2)}


class Reduced:
    """An object with constructor arguments, built by NEWOBJ_EX from protocol 4 on."""

    def __new__(cls, *, value):
        return super().__new__(cls)

    def __getnewargs_ex__(self):
        return (), {"value": 3}


def everything(protocol):
    """What training scripts keep beside the weights. Protocol 1 cannot write objects with slots."""
    counter = collections.Counter("mobilenet")
    nested = collections.defaultdict(list, {"train": [1, 2]})
    return {
        "args": argparse.Namespace(lr=0.1, data=pathlib.PurePosixPath("/data"), device=torch.device("cpu")),
        "best": np.float64(71.25),
        "history": np.arange(6, dtype=np.float32).reshape(2, 3),
        "dtype": np.dtype("float32"),
        "integer": np.int64(3),
        "tags": {"a", "b"},
        "frozen": frozenset([1, 2]),
        "date": datetime.datetime(2025, 11, 25, 20, 15, tzinfo=datetime.timezone.utc),
        "delta": datetime.timedelta(seconds=3),
        "phase": Phase.MAIN,
        "activation": functools.partial(nn.ReLU, inplace=True),
        "act_class": nn.Hardswish,
        "counter": counter,
        "nested": nested,
        "settings": Settings(width=0.1),
        "slotted": Slotted() if protocol > 1 else None,
        "reduced": Reduced(value=3),
        "complex": 1 + 2j,
        "range": range(3),
        "slice": slice(1, 2),
        "bytes": b"\x00\xff",
        "bytearray": bytearray(b"\x01"),
        "large": 2**80,
        "generator": torch.get_rng_state(),
        "shape": torch.Size([2, 3]),
        "named": torch.finfo(torch.float32).eps,
        "lambda": math.sqrt,
        "none": None,
    }


def save(path, value, protocol=2, zipped=True):
    torch.save(value, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)


for form, protocol in (("zip", 1), ("legacy", 1), ("zip", 2), ("legacy", 3), ("zip", 4), ("legacy", 5)):

    @case(f"everything.{form}.{protocol}.pth")
    def _(path, protocol=protocol, zipped=form == "zip"):
        network = v3()
        save(path, {**everything(protocol), "model": network.state_dict(), "epoch": 3}, protocol, zipped)
        return network


@case("torch_averaged_model.pth", notes=["n_averaged"])
def _(path):
    network = v3()
    averaged = torch.optim.swa_utils.AveragedModel(network)
    share(averaged.module, network)
    save(path, averaged.state_dict())
    return network


@case("torch_compiled_parallel.pth")
def _(path):
    network = v3()
    save(path, {"net": torch.compile(nn.DataParallel(network)).state_dict()})
    return network


@case("torch_parallel_compiled.pth")
def _(path):
    network = v3()
    save(path, {"state_dict": nn.DataParallel(torch.compile(network)).state_dict()})
    return network


@case("torch_module.pth")
def _(path):
    network = v3()
    save(path, network)
    return network


@case("torch_module.legacy.pth")
def _(path):
    network = v3()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        save(path, {"model": nn.DataParallel(network), "optimizer": None}, zipped=False)
    return network


@case("torch_script.pt")
def _(path):
    network = v3()
    torch.jit.save(torch.jit.script(network), path)
    return network


@case("torch_half.pth")
def _(path):
    network = v3()
    save(path, {name: t.half() if t.is_floating_point() and t.dim() == 1 else t for name, t in network.state_dict().items()})
    separate(network).load_state_dict(torch.load(path))
    return network


class Lit(lightning.LightningModule):
    def __init__(self, network):
        super().__init__()
        self.save_hyperparameters({"lr": 0.1, "name": "mobilenet"})
        self.model = network
        self.criterion = nn.CrossEntropyLoss(weight=torch.ones(10))
        self.train_acc = torchmetrics.Accuracy(task="multiclass", num_classes=10)
        self.confusion = torchmetrics.ConfusionMatrix(task="multiclass", num_classes=10)

    def forward(self, x):
        return self.model(x)

    def training_step(self, batch, _):
        return self.criterion(self(batch[0]), batch[1]) * 0

    def configure_optimizers(self):
        return torch.optim.SGD(self.head_parameters(), lr=0.0, momentum=0.9)

    def head_parameters(self):
        return [p for name, p in self.named_parameters() if "classifier.3" in name]


def lightning_checkpoint(path, module):
    data = torch.utils.data.DataLoader([(images()[0], 1)] * 2, batch_size=2)
    trainer = lightning.Trainer(
        max_steps=0, logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu",
        enable_model_summary=False)
    trainer.fit(module, data)
    trainer.save_checkpoint(path)


@case("lightning.ckpt", notes=["criterion (1)"])
def _(path):
    network = v3()
    lightning_checkpoint(path, Lit(network))
    return network


class Backbone(lightning.LightningModule):
    """A backbone without its classifier, and a head of its own."""

    def __init__(self, network):
        super().__init__()
        self.backbone, self.head = network, network.classifier
        network.classifier = nn.Identity()

    def forward(self, x):
        return self.head(self.backbone(x))

    def training_step(self, batch, _):
        return self(batch[0]).sum() * 0

    def configure_optimizers(self):
        return torch.optim.SGD(self.head.parameters(), lr=0.0)


@case("lightning_backbone.ckpt", network="mobilenet_v2")
def _(path):
    network = v2()
    module = Backbone(network)
    lightning_checkpoint(path, module)
    return module


@case("timm_saver.pth.tar", dialect="timm", notes=["state_dict_ema"])
def _(path):
    network = timm_v3()
    arguments = argparse.Namespace(model="mobilenetv3_small_050", lr=0.1)
    ema = timm.utils.ModelEmaV3(network, decay=0.5)
    prepared(ema.module, "b")
    saver = timm.utils.CheckpointSaver(
        network, torch.optim.SGD(network.parameters(), lr=0.0), args=arguments, model_ema=ema,
        checkpoint_dir=str(path.parent / "timm"))
    os.makedirs(path.parent / "timm")
    saver.save_checkpoint(0, metric=0.5)
    shutil.move(path.parent / "timm" / "last.pth.tar", path)
    shutil.rmtree(path.parent / "timm")
    return network, ("state_dict_ema", ema.module)


@case("timm_tf_mobilenetv3_small_075.pth", dialect="tensorflow")
def _(path):
    network = timm_v3("tf_mobilenetv3_small_075")
    save(path, network.state_dict())
    return network


@case("timm_unnamed.pth", dialect="timm", notes=["--dialect tensorflow"])
def _(path):
    network = timm_v3()
    save(path, network.state_dict())
    return network


@case("timm_mobilenetv2_no_option.pth", network="mobilenet_v2", dialect="timm")
def _(path):
    network = prepared(timm.models.efficientnet._gen_mobilenet_v2("mobilenetv2_050", 0.1, num_classes=7))
    save(path, {"params": network.state_dict()})
    return network


@case("timm_mobilenetv2_deeper.pth", network="mobilenet_v2", dialect="timm")
def _(path):
    network = prepared(timm.models.efficientnet._gen_mobilenet_v2(
        "mobilenetv2_110d", 0.1, depth_multiplier=1.2, fix_stem_head=True, num_classes=7))
    save(path, {"model": network.state_dict()})
    return network


@case("timm_mobilenetv1_head_convolution.pth", network="mobilenet_v1", dialect="timm")
def _(path):
    network = prepared(timm.models.efficientnet._gen_mobilenet_v1(
        "mobilenetv1_100h", 0.1, head_conv=True, num_classes=7))
    save(path, {"model": network.state_dict()})
    return network


@case("accelerate.safetensors")
def _(path):
    network = separate(v3())
    accelerator = accelerate.Accelerator(cpu=True)
    wrapped = accelerator.prepare(network)
    with tempfile.TemporaryDirectory() as folder:
        accelerator.save_model(wrapped, folder)
        shutil.move(f"{folder}/model.safetensors", path)
    return network


@case("compiled.safetensors")
def _(path):
    network = v3()
    state = torch.compile(network).state_dict()
    safetensors.torch.save_file({name: t.contiguous() for name, t in state.items()}, path)
    return network


@case("ignite.pt")
def _(path):
    network = v3()
    trainer = ignite.engine.Engine(lambda engine, batch: None)
    optimizer = torch.optim.Adam(network.classifier.parameters(), lr=0.0)
    with tempfile.TemporaryDirectory() as folder:
        handler = ignite.handlers.Checkpoint(
            {"model": network, "optimizer": optimizer, "trainer": trainer},
            ignite.handlers.DiskSaver(folder, create_dir=True))
        trainer.add_event_handler(ignite.engine.Events.COMPLETED, handler)
        trainer.run([0], max_epochs=1)
        shutil.move(next(Path(folder).glob("*.pt")), path)
    return network


@case("torch_ema.pth")
def _(path):
    network = v3()
    average = torch_ema.ExponentialMovingAverage(network.classifier.parameters(), decay=0.9)
    save(path, {"model": network.state_dict(), "ema": average.state_dict()})
    return network


@case("ema_pytorch.pt", notes=["ema_model"])
def _(path):
    network, other = v3(), v3(seed="b")
    average = ema_pytorch.EMA(network, ema_model=other, beta=0.5)
    save(path, average.state_dict())
    return network, ("ema_model", other)


@case("thop.pth", notes=["total_ops", "total_params"])
def _(path):
    network = v3()
    thop.profile(network, inputs=(images(),), verbose=False)
    joined(network)
    save(path, network.state_dict())
    return network


@case("fastai_learner.pth")
def _(path):
    network = v3()
    loader = torch.utils.data.DataLoader([(images()[0], torch.tensor(1))] * 2, batch_size=2)
    learner = fastai.Learner(
        fastai.DataLoaders(loader, loader), network, loss_func=nn.CrossEntropyLoss(), path=path.parent, model_dir=".")
    learner.create_opt()
    shutil.move(learner.save(path.stem, with_opt=True), path)
    return network


@case("fastai_body.pth", network="mobilenet_v2")
def _(path):
    network = v2()
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), network.classifier[1])
    whole = nn.Sequential(fastai.create_body(network, pretrained=False, cut=-1), head)
    save(path, {"model": whole.state_dict(), "opt": {"state": []}})
    return whole


class Config(transformers.PretrainedConfig):
    model_type = "wrapped"


class Wrapped(transformers.PreTrainedModel):
    config_class = Config

    def __init__(self, config, network=None):
        super().__init__(config)
        self.net = network
        self.post_init()

    def forward(self, x):
        return self.net(x)


@case("transformers.safetensors")
def _(path):
    network = separate(v3())
    state = {name: t.clone() for name, t in network.state_dict().items()}
    wrapped = Wrapped(Config(), network)
    network.load_state_dict(state)
    with tempfile.TemporaryDirectory() as folder:
        wrapped.save_pretrained(folder)
        shutil.move(f"{folder}/model.safetensors", path)
    return network


@case("transformers_trainer_args.pth", network="mobilenet_v2")
def _(path):
    network = v2()
    with tempfile.TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(output_dir=folder, use_cpu=True, report_to=[])
        save(path, {"weights": network.state_dict(), "training_args": arguments}, protocol=4)
    return network


class Logits(nn.Module):
    """A network of transformers that returns its logits alone."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x).logits


def hugging_face(path, network):
    network = prepared(network)
    # What save_pretrained wrote as pytorch_model.bin.
    save(path, network.state_dict())
    return Logits(network)


@case("transformers_mobilenet_v1.bin", network="mobilenet_v1", dialect="tensorflow")
def _(path):
    config = transformers.MobileNetV1Config(depth_multiplier=0.1, num_labels=11, image_size=64)
    return hugging_face(path, transformers.MobileNetV1ForImageClassification(config))


@case("transformers_mobilenet_v2.bin", network="mobilenet_v2", dialect="tensorflow")
def _(path):
    # Narrower ones have as many channels before the first block as after it, and only here no shortcut around it.
    config = transformers.MobileNetV2Config(depth_multiplier=0.35, num_labels=11, image_size=64)
    return hugging_face(path, transformers.MobileNetV2ForImageClassification(config))


@case("transformers_resnet.bin", network="resnet18")
def _(path):
    config = transformers.ResNetConfig(
        hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2], layer_type="basic", num_labels=7)
    return hugging_face(path, transformers.ResNetForImageClassification(config))


@case("head_in_sequential.pth")
def _(path):
    network = v3()
    head = network.classifier
    head[3] = nn.Sequential(nn.Dropout(0.5), nn.Linear(head[3].in_features, 4))
    renamed(head[3], network, "unused")
    del network.unused
    save(path, network.state_dict())
    return network


@case("head_linear.pth", network="mobilenet_v2")
def _(path):
    network = renamed(nn.Linear(1280, 5), v2())
    save(path, network.state_dict())
    return network


@case("head_convolution.pth", network="mobilenet_v2")
def _(path):
    network = renamed(nn.Linear(1280, 5), v2())
    state = network.state_dict()
    state["fc.weight"] = state.pop("classifier.weight")[:, :, None, None]
    state["fc.bias"] = state.pop("classifier.bias")
    save(path, state)
    return network


@case("head_on_features.pth")
def _(path):
    network = v3()
    features = network.classifier[0].in_features
    network = renamed(nn.Sequential(nn.Dropout(), nn.Linear(features, 6)), network)
    save(path, network.state_dict())
    return network


@case("head_two.pth", network="mobilenet_v2", notes=["aux_head"])
def _(path):
    network = v2()
    save(path, {**network.state_dict(), "aux_head.weight": torch.ones(1, 1).expand(3, 1280), "aux_head.bias": torch.zeros(3)})
    return network


@case("one_logit.pth", network="mobilenet_v2")
def _(path):
    network = v2(classes=1)
    save(path, {"model_state": network.state_dict(), "threshold": np.float32(0.5)})
    return network


@case("student_teacher.pth", network="mobilenet_v2", notes=["teacher"])
def _(path):
    network, teacher = v2(), v3()
    whole = nn.ModuleDict({"teacher": teacher, "student": network})
    save(path, {"state_dict": whole.state_dict()})
    return network


@case("sequential_children.pth", network="mobilenet_v2")
def _(path):
    network = v2()
    whole = nn.Sequential(network.features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), network.classifier)
    save(path, whole.state_dict())
    return whole


def main():
    warnings.simplefilter("ignore")
    for name in ("lightning.pytorch", "pytorch_lightning", "transformers", "timm"):
        logging.getLogger(name).setLevel(logging.ERROR)
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp())
    entries = []
    for file, function, entry in CASES:
        if arguments.only not in file:
            continue
        path = folder / file
        assert len(CASES) == len({case[0] for case in CASES})
        torch.manual_seed(0)
        result = function(path)
        network, other = result if isinstance(result, tuple) else (result, None)
        values = logits(network)
        entry = dict(file=file, **entry, classes=len(values), logits=values)
        if other:
            entry["other"] = dict(key=other[0], logits=logits(other[1]))
            assert entry["other"]["logits"] != values
        spread = np.std(values) if len(values) > 1 else abs(values[0])
        assert 1e-3 < spread < 1e4, (file, spread)
        entries.append(entry)
        print(f"{file}: {path.stat().st_size} bytes, spread {spread:.3g}")
    if not arguments.only:
        text = ",\n".join(json.dumps(entry) for entry in entries)
        (OUTPUT / "manifest.json").write_text(f"[\n{text}\n]\n")
        with zipfile.ZipFile(OUTPUT / "files.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for entry in entries:
                info = zipfile.ZipInfo(entry["file"])
                archive.writestr(info, (folder / entry["file"]).read_bytes(), zipfile.ZIP_DEFLATED, 9)
    shutil.rmtree(folder)


if __name__ == "__main__":
    # Classes in pickles are those of a script, as in practice.
    sys.modules["__main__"].__dict__.setdefault("__file__", __file__)
    main()
