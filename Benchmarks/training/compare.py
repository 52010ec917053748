"""Side by side: whole steps of training in Swiftlet and in PyTorch, in turns, on this machine.

Writes results/<processor>.md and .json. README.md in the folder above says what the figures mean.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from common import Refused, begun, heading, names, parser, pinned, write

# Network: batch, and pixels.
CASES = {
    "mobilenet_v2": (32, 224), "mobilenet_v3_large": (32, 224), "cifar_mobilenet_v2": (128, 32),
    "cifar_se_resnet18": (128, 32),
}
# glibc's allocator with huge pages, and without giving memory back to the system after each step.
TUNED = "glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=34359738368:glibc.malloc.trim_threshold=34359738368"
# Engine: the options of step.py, and whether the allocator is tuned. None is Swiftlet.
ENGINES = {
    "swiftlet": None,
    "eager": ([], False),
    "eager channels-last": (["--channels-last"], False),
    "eager tuned": ([], True),
    "eager channels-last tuned": (["--channels-last"], True),
    "compiled": (["--compile"], False),
    "compiled tuned": (["--compile"], True),
}


def call(command, limit, **variables):
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, env={**os.environ, **variables})
    except subprocess.TimeoutExpired:
        raise Refused(f"no answer in {limit} s") from None
    if done.returncode != 0:
        raise Refused((done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1][:200])
    return json.loads(done.stdout.strip().splitlines()[-1])


def slice_of(engine, network, batch, arguments, seconds, limit):
    """One process: its least and its median time of a step, in milliseconds, and its memory."""
    prefix, threads = pinned(arguments.cpus, arguments.threads), arguments.threads
    if ENGINES[engine] is None:
        answer = call(
            prefix + [arguments.swiftlet, "bench", network, "--dialect", "torchvision", "--training", "--json",
                      "--threads", str(threads), "--batch", str(batch), "--seconds", str(seconds)], limit)
        return {
            "minimumMilliseconds": answer["minimumMilliseconds"], "medianMilliseconds": answer["medianMilliseconds"],
            "steps": answer["runs"], "peakBytes": answer["peakBytes"], "stepBytes": answer["sessionBytes"],
        }
    options, tuned = ENGINES[engine]
    variables = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    variables["TORCHINDUCTOR_CACHE_DIR"] = str(HERE / ".cache")
    if tuned:
        variables["GLIBC_TUNABLES"] = TUNED
    answer = call(
        prefix + [sys.executable, str(HERE / "step.py"), network, str(batch), str(threads), str(seconds), *options],
        limit, **variables)
    return {
        "minimumMilliseconds": 1e3 * min(answer["times"]),
        "medianMilliseconds": 1e3 * statistics.median(answer["times"]), "steps": len(answer["times"]),
        "peakBytes": answer["peakBytes"], "stepBytes": answer["peakBytes"] - answer["bytesBefore"],
    }


def check_same(network, arguments):
    """Raises where Swiftlet's network and PyTorch's are not of one size."""
    ours = call([arguments.swiftlet, "summary", network, "--dialect", "torchvision", "--json"], 60)
    theirs = call([sys.executable, str(HERE / "step.py"), network], 300)
    for key, value in theirs.items():
        if ours.get(key) != value:
            raise Refused(f"{ours.get(key)} {key}, but PyTorch's has {value}: not the same network")


def compare(arguments, log):
    """All measurements, and all that was not run with the reason."""
    rows, missing = [], []
    for network in arguments.networks:
        batch = arguments.batch or CASES[network][0]
        slices = {engine: [] for engine in arguments.engines}

        def drop(engine, reason):
            del slices[engine]
            missing.append({"engine": engine, "network": network, "why": str(reason)})
            log(f"{network} {engine}: not run: {reason}")

        if "swiftlet" in slices:
            try:
                check_same(network, arguments)
            except Refused as reason:
                drop("swiftlet", reason)
        for engine in [name for name in slices if name.startswith("compiled")]:
            # The first process compiles, for minutes; the others find what it made.
            try:
                slice_of(engine, network, batch, arguments, 0, arguments.limit)
            except Refused as reason:
                drop(engine, reason)
        for _ in range(arguments.rounds):
            for engine in list(slices):
                time.sleep(arguments.pause)
                try:
                    slices[engine].append(
                        slice_of(engine, network, batch, arguments, arguments.seconds, arguments.limit))
                except Refused as reason:
                    drop(engine, reason)
        for engine, each in slices.items():
            rows.append(row(network, batch, engine, each))
            log(f"{network} {engine}: {rows[-1]['imagesPerSecond']:.1f} images/s, "
                f"{rows[-1]['peakBytes'] / 1e6:.0f} MB")
    return rows, missing


def row(network, batch, engine, slices):
    medians = [each["medianMilliseconds"] for each in slices]
    median = statistics.median(medians)
    return {
        "network": network, "batch": batch, "pixels": CASES[network][1], "engine": engine,
        "imagesPerSecond": 1e3 * batch / median, "medianMilliseconds": median,
        "minimumMilliseconds": min(each["minimumMilliseconds"] for each in slices),
        "dispersion": (max(medians) - min(medians)) / 2 / median,
        "steps": sum(each["steps"] for each in slices),
        "peakBytes": max(each["peakBytes"] for each in slices),
        "stepBytes": max(each["stepBytes"] for each in slices), "rounds": slices,
    }


# The groups that Swiftlet is held against: the best engine of each.
GROUPS = {
    "eager": ["eager", "eager channels-last"],
    "eager tuned": ["eager tuned", "eager channels-last tuned"],
    "compiled": ["compiled"],
    "compiled tuned": ["compiled tuned"],
}


def ratios(rows):
    """For each network and group the best peer's time over Swiftlet's, and Swiftlet's memory over the peer's."""
    result = []
    for network in dict.fromkeys(each["network"] for each in rows):
        engines = {each["engine"]: each for each in rows if each["network"] == network}
        ours = engines.get("swiftlet")
        if ours is None:
            continue
        for group, names in GROUPS.items():
            peers = [engines[name] for name in names if name in engines]
            if not peers:
                continue
            best = min(peers, key=lambda each: each["medianMilliseconds"])
            fastest = min(peers, key=lambda each: each["minimumMilliseconds"])
            result.append({
                "network": network, "batch": ours["batch"], "group": group, "peer": best["engine"],
                "imagesPerSecond": ours["imagesPerSecond"], "peerImagesPerSecond": best["imagesPerSecond"],
                "ratio": best["medianMilliseconds"] / ours["medianMilliseconds"],
                "ratioOfMinima": fastest["minimumMilliseconds"] / ours["minimumMilliseconds"],
                "memory": ours["peakBytes"] / best["peakBytes"], "stepMemory": ours["stepBytes"] / best["stepBytes"],
            })
    return result


def markdown(report):
    lines = heading(report, f"Training on {report['machine']['processor']}", f"{report['threads']} threads")
    lines += [
        "## Swiftlet and the best of each kind", "",
        "Ratio: PyTorch's time over Swiftlet's, of medians and of minima; above 1 Swiftlet is faster. Memory: "
        "Swiftlet's peak over PyTorch's, of the whole process and of the step.", "",
        "| network | batch | Swiftlet, images/s | PyTorch | images/s | ratio | of minima | memory | of the step |",
        "|---|--:|--:|---|--:|--:|--:|--:|--:|",
    ]
    for each in report["ratios"]:
        lines.append(
            f"| {each['network']} | {each['batch']} | {each['imagesPerSecond']:.1f} | {each['peer']} "
            f"| {each['peerImagesPerSecond']:.1f} | **{each['ratio']:.2f}** | {each['ratioOfMinima']:.2f} "
            f"| {each['memory']:.2f} | {each['stepMemory']:.2f} |")
    lines += [
        "", "## All", "",
        "| network | batch | pixels | engine | images/s | median, ms | minimum, ms | ± % | peak, MB "
        "| of the step, MB |",
        "|---|--:|--:|---|--:|--:|--:|--:|--:|--:|",
    ]
    for each in report["rows"]:
        lines.append(
            f"| {each['network']} | {each['batch']} | {each['pixels']} | {each['engine']} "
            f"| {each['imagesPerSecond']:.1f} | {each['medianMilliseconds']:.0f} | {each['minimumMilliseconds']:.0f} "
            f"| {100 * each['dispersion']:.1f} | {each['peakBytes'] / 1e6:.0f} | {each['stepBytes'] / 1e6:.0f} |")
    lines += ["", "## Not run", ""]
    lines += [f"* not run: {each['engine']}, {each['network']}: {each['why']}" for each in report["missing"]]
    if not report["missing"]:
        lines.append("Everything was run.")
    return "\n".join(lines) + "\n"


def main():
    options = parser(
        __doc__.splitlines()[0], rounds=5, seconds=8, pause=0.5, limit=900, limited="a process, compilation too",
        output=HERE / "results")
    options.add_argument("--networks", type=names(list(CASES)), default=list(CASES))
    options.add_argument("--engines", type=names(list(ENGINES)), default=list(ENGINES), help="of " + ", ".join(ENGINES))
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--batch", type=int, help="of all networks, instead of " + ", ".join(
        f"{batch} for {network}" for network, (batch, _) in CASES.items()))
    arguments = options.parse_args()

    if arguments.source:
        print(markdown(json.loads(arguments.source.read_text())))
        return
    if not os.access(arguments.swiftlet, os.X_OK):
        sys.exit(f"{arguments.swiftlet} is not there; run swift build -c release --product swiftlet")
    report = begun(arguments, {"torch", "torchvision", "numpy"}) | {"threads": arguments.threads}
    rows, missing = compare(arguments, lambda line: print(line, file=sys.stderr, flush=True))
    report |= {"ratios": ratios(rows), "missing": missing, "rows": rows}
    write(report, markdown(report), arguments.output)
    print(markdown(report))


if __name__ == "__main__":
    main()
