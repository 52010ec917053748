"""The engines that are compared with Swiftlet, each in its own process.

Run as `engines.py ENGINE THREADS`: takes a command a line on standard input and answers a JSON object a line.
`load FOLDER` makes the network ready and answers how far its output lies from PyTorch's, over the largest logit;
`run SECONDS` times runs after a warm-up and answers their times in seconds, and how many cores were busy.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

WARM_UPS = 3
FEWEST_RUNS = 5


class OnnxRuntime:
    package, needs = "onnxruntime", ["onnx"]

    def __init__(self, folder, threads, image):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()
        self.binding.bind_cpu_input("input", image)
        self.binding.bind_output("logits", "cpu")

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def output(self):
        return self.binding.copy_outputs_to_cpu()[0]


class OpenVINO:
    package, needs = "openvino", ["onnx"]

    def __init__(self, folder, threads, image):
        import openvino

        self.image = openvino.Tensor(image, shared_memory=True)
        core = openvino.Core()
        network = core.compile_model(core.read_model(folder / "model.onnx"), "CPU", {
            "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": "1", "INFERENCE_NUM_THREADS": str(threads),
            "INFERENCE_PRECISION_HINT": "f32",
        })
        self.request = network.create_infer_request()
        self.request.set_input_tensor(self.image)

    def run(self):
        self.request.infer(share_outputs=True)

    def output(self):
        return self.request.get_output_tensor().data


class NCNN:
    package, needs = "ncnn", ["ncnn"]

    def __init__(self, folder, threads, image):
        import ncnn

        self.net = ncnn.Net()
        options = self.net.opt
        options.num_threads = threads
        # 32-bit floats throughout, as everybody else.
        for name in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
            if hasattr(options, name):
                setattr(options, name, False)
        self.net.opt = options
        if self.net.load_param(str(folder / "network.ncnn.param")) != 0:
            raise RuntimeError("ncnn refused the converted network")
        self.net.load_model(str(folder / "network.ncnn.bin"))
        self.names = self.net.input_names()[0], self.net.output_names()[0]
        self.images = [ncnn.Mat(each).clone() for each in image]
        self.outputs = []

    def run(self):
        self.outputs = []
        for image in self.images:
            extractor = self.net.create_extractor()
            extractor.input(self.names[0], image)
            self.outputs.append(extractor.extract(self.names[1])[1])

    def output(self):
        return np.stack([np.array(each) for each in self.outputs])


class MNN:
    package, needs = "MNN", ["onnx", "mnn"]

    def __init__(self, folder, threads, image):
        import MNN

        self.mnn = MNN
        self.interpreter = MNN.Interpreter(str(folder / "model.mnn"))
        self.session = self.interpreter.createSession(
            {"backend": "CPU", "precision": "high", "numThread": threads})
        target = self.interpreter.getSessionInput(self.session)
        target.copyFrom(MNN.Tensor(
            image.shape, MNN.Halide_Type_Float, image, MNN.Tensor_DimensionType_Caffe))
        self.batch = image.shape[0]

    def run(self):
        self.interpreter.runSession(self.session)

    def output(self):
        shape = (self.batch, 1000)
        result = self.mnn.Tensor(
            shape, self.mnn.Halide_Type_Float, np.zeros(shape, np.float32), self.mnn.Tensor_DimensionType_Caffe)
        self.interpreter.getSessionOutput(self.session).copyToHostTensor(result)
        return np.array(result.getData(), np.float32).reshape(shape)


class LiteRT:
    package, needs = "ai-edge-litert", ["litert"]

    def __init__(self, folder, threads, image):
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(str(folder / "model.tflite"), num_threads=threads)
        self.interpreter.allocate_tensors()
        where = self.interpreter.get_input_details()[0]["index"]
        self.interpreter.set_tensor(where, np.ascontiguousarray(image.transpose(0, 2, 3, 1)))
        self.result = self.interpreter.get_output_details()[0]["index"]

    def run(self):
        self.interpreter.invoke()

    def output(self):
        return self.interpreter.get_tensor(self.result)


class Torch:
    """PyTorch's own execution, channels last."""

    package, needs = "torch", []

    def __init__(self, folder, threads, image):
        from networks import import_torch, loaded

        self.torch = torch = import_torch()
        torch.set_num_threads(threads)
        torch.set_num_interop_threads(1) if not hasattr(Torch, "ready") else None
        Torch.ready = True
        self.image = torch.from_numpy(image).contiguous(memory_format=torch.channels_last)
        model = loaded(folder, torch)[0].to(memory_format=torch.channels_last)
        with torch.inference_mode():
            self.model = self.compiled(model)
        self.result = None

    def compiled(self, model):
        return model

    def run(self):
        with self.torch.inference_mode():
            self.result = self.model(self.image)

    def output(self):
        return self.result.numpy()


class TorchScript(Torch):
    """A frozen trace, optimised for inference (oneDNN's fusions)."""

    def compiled(self, model):
        jit = self.torch.jit
        return jit.optimize_for_inference(jit.freeze(jit.trace(model, self.image)))


class TorchInductor(Torch):
    """torch.compile with frozen weights; needs a C++ compiler."""

    def compiled(self, model):
        import torch._inductor.config

        torch._inductor.config.freezing = True
        return self.torch.compile(model)


ENGINES = {
    "onnxruntime": OnnxRuntime, "openvino": OpenVINO, "ncnn": NCNN, "mnn": MNN, "litert": LiteRT, "torch": Torch,
    "torch-jit": TorchScript, "torch-inductor": TorchInductor,
}


def load(name, folder, threads):
    engine = ENGINES[name](folder, threads, np.load(folder / "input.npy"))
    engine.run()
    expected = np.load(folder / "output.npy")
    result = np.asarray(engine.output()).reshape(expected.shape)
    return engine, float(np.abs(result - expected).max() / np.abs(expected).max())


def measure(engine, seconds):
    for _ in range(WARM_UPS):
        engine.run()
    times = []
    busy, start = time.process_time(), time.perf_counter()
    while len(times) < FEWEST_RUNS or time.perf_counter() - start < seconds:
        begin = time.perf_counter()
        engine.run()
        times.append(time.perf_counter() - begin)
    busy, elapsed = time.process_time() - busy, time.perf_counter() - start
    return {"times": times, "cores": busy / elapsed}


def main():
    name, threads = sys.argv[1], int(sys.argv[2])
    # Libraries print to standard output; the answers go to a copy of it that they do not know.
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    engine = None
    for line in sys.stdin:
        command, _, value = line.strip().partition(" ")
        try:
            if command == "load":
                engine = None
                engine, deviation = load(name, Path(value), threads)
                answer = {"deviation": deviation}
            else:
                answer = measure(engine, float(value))
        except BaseException as error:
            text = str(error).strip().splitlines() or [""]
            answer = {"error": f"{type(error).__name__}: {text[0][:200]}"}
        print(json.dumps(answer), file=answers)


if __name__ == "__main__":
    main()
