"""Side by side: whole networks in Swiftlet and in other engines, in turns, on this machine.

Writes results/<processor>.md and .json. README.md in the folder above says what the figures mean.
"""

import importlib.metadata
import json
import os
import resource
import select
import statistics
import subprocess
import sys
import time
from pathlib import Path

from engines import ENGINES
from networks import FILES, NETWORKS, SIZE

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from common import ROOT, Refused, begun, heading, names, parser, pinned, write

DEFAULT = ["swiftlet"] + [name for name in ENGINES if name != "torch-inductor"]
# Beyond this an engine does not compute the same network.
TOLERANCE = 1e-3


# --- The engines, as processes.


class Peer:
    """A process of one engine with one number of threads, for the whole comparison."""

    def __init__(self, name, threads, cpus):
        environment = dict(os.environ, PYTHONWARNINGS="ignore")
        for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            environment[variable] = str(threads)
        self.process = subprocess.Popen(
            pinned(cpus, threads) + [sys.executable, str(HERE / "engines.py"), name, str(threads)],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)

    def ask(self, command, limit):
        try:
            self.process.stdin.write((command + "\n").encode())
        except BrokenPipeError:
            raise Refused(self.ending()) from None
        text, end = b"", time.monotonic() + limit
        while not text.endswith(b"\n"):
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                self.close()
                raise Refused(f"no answer in {limit:.0f} s")
            part = os.read(self.process.stdout.fileno(), 1 << 16)
            if not part:
                raise Refused(self.ending())
            text += part
        answer = json.loads(text)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer

    def ending(self):
        return f"the process ended with status {self.process.wait()}"

    def load(self, network, batch, folder):
        deviation = self.ask(f"load {folder}", 600)["deviation"]
        if not deviation < TOLERANCE:
            raise Refused(f"its output strays from PyTorch's by {deviation:.1e} of the largest logit")
        return deviation

    def slice(self, seconds):
        answer = self.ask(f"run {seconds}", 600)
        return min(answer["times"]), statistics.median(answer["times"]), len(answer["times"]), answer["cores"]

    def close(self):
        self.process.kill()
        self.process.wait()


class Swiftlet:
    """`swiftlet bench`, a process for each slice: its figures are those of runs after a warm-up."""

    def __init__(self, program, threads, cpus):
        self.program, self.threads, self.cpus = program, threads, cpus

    def load(self, network, batch, folder):
        dialect = NETWORKS[network][0]
        self.command = pinned(self.cpus, self.threads) + [
            self.program, "bench", network, "--dialect", dialect, "--threads", str(self.threads), "--batch", str(batch),
            "--json", "--seconds",
        ]
        summary = self.call([self.program, "summary", network, "--dialect", dialect, "--json"])
        ours, theirs = summary.get("multiplyAdds"), int((folder / "multiply-adds").read_text())
        if ours != theirs:
            raise Refused(f"{ours} multiply-adds, but {theirs} in {NETWORKS[network][1]}: not the same network")
        return None

    def slice(self, seconds):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        answer = self.call(self.command + [str(seconds)])
        after, elapsed = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
        busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return answer["minimumMilliseconds"] / 1e3, answer["medianMilliseconds"] / 1e3, answer["runs"], busy / elapsed

    def call(self, command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            raise Refused((done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1])
        return json.loads(done.stdout)

    def close(self):
        pass


# --- What they need.


def prepare(engines, network, batch, limit):
    """Makes the files of a network. Returns their folder, and why an engine has none."""
    folder = HERE / ".models" / f"{network}-{batch}"
    reasons = {}
    failed = {}
    for step in FILES:
        if step != "torch" and not any(step in ENGINES[name].needs for name in engines if name in ENGINES):
            continue
        if step == "mnn" and "onnx" in failed:
            continue
        try:
            done = subprocess.run(
                [sys.executable, str(HERE / "networks.py"), step, network, str(batch), str(folder)],
                capture_output=True, text=True, timeout=limit)
            if done.returncode != 0:
                failed[step] = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1][:200]
        except subprocess.TimeoutExpired:
            failed[step] = f"not done in {limit} s"
    if "torch" in failed:
        sys.exit(f"{network}: {failed['torch']}")
    for name in engines:
        for step in ENGINES[name].needs if name in ENGINES else []:
            if step in failed:
                reasons.setdefault(name, f"conversion to {step}: {failed[step]}")
    return folder, reasons


# --- Measuring.


def compare(arguments, log):
    """All measurements, and all that was not run with the reason."""
    rows, missing = [], []
    available = []
    for name in arguments.engines:
        try:
            if name in ENGINES:
                importlib.metadata.version(ENGINES[name].package)
            elif not os.access(arguments.swiftlet, os.X_OK):
                sys.exit(f"{arguments.swiftlet} is not there; run swift build -c release --product swiftlet")
            available.append(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append({"engine": name, "why": f"the package {ENGINES[name].package} is not installed"})
    processes = {}
    try:
        for network in arguments.networks:
            for batch in arguments.batch:
                folder, reasons = prepare(available, network, batch, arguments.limit)
                for threads in arguments.threads:
                    case = {"network": network, "batch": batch, "threads": threads}
                    running = {}
                    for name in available:
                        try:
                            if name in reasons:
                                raise Refused(reasons[name])
                            process = processes.get((name, threads))
                            if process is None:
                                process = start(name, threads, arguments)
                                processes[name, threads] = process
                            running[name] = process, process.load(network, batch, folder), []
                        except Refused as reason:
                            drop(processes, name, threads)
                            missing.append({**case, "engine": name, "why": str(reason)})
                    rows += measure(case, running, arguments, missing, processes, log)
    finally:
        for process in processes.values():
            process.close()
    return rows, missing


def start(name, threads, arguments):
    if name == "swiftlet":
        return Swiftlet(arguments.swiftlet, threads, arguments.cpus)
    return Peer(name, threads, arguments.cpus)


def drop(processes, name, threads):
    process = processes.pop((name, threads), None)
    if process is not None:
        process.close()


def measure(case, running, arguments, missing, processes, log):
    """Rounds of slices, in turns."""
    for _ in range(arguments.rounds):
        for name in list(running):
            # Threads of the last engine may spin for a while after its last run.
            time.sleep(arguments.pause)
            try:
                running[name][2].append(running[name][0].slice(arguments.seconds))
            except Refused as reason:
                del running[name]
                drop(processes, name, case["threads"])
                missing.append({**case, "engine": name, "why": str(reason)})
    rows = []
    for name, (_, deviation, slices) in running.items():
        medians = [each[1] for each in slices]
        median = statistics.median(medians)
        rows.append({
            **case, "engine": name, "minimumMilliseconds": 1e3 * min(each[0] for each in slices),
            "medianMilliseconds": 1e3 * median, "dispersion": (max(medians) - min(medians)) / 2 / median,
            "coresBusy": statistics.median(each[3] for each in slices), "deviation": deviation,
            "runs": sum(each[2] for each in slices),
            "rounds": [{"minimumMilliseconds": 1e3 * each[0], "medianMilliseconds": 1e3 * each[1]} for each in slices],
        })
        log(f"{case['network']} batch {case['batch']} threads {case['threads']} {name}: "
            f"{rows[-1]['minimumMilliseconds']:.2f} / {rows[-1]['medianMilliseconds']:.2f} ms")
    return rows


def ratios(rows):
    """For each case, the best peer over Swiftlet: more than 1 where Swiftlet is faster."""
    cases = {}
    for row in rows:
        cases.setdefault((row["network"], row["batch"], row["threads"]), {})[row["engine"]] = row
    result = []
    for (network, batch, threads), engines in cases.items():
        ours = engines.pop("swiftlet", None)
        if ours is None or not engines:
            continue
        entry = {"network": network, "batch": batch, "threads": threads}
        for figure in ("minimum", "median"):
            key = figure + "Milliseconds"
            best = min(engines.values(), key=lambda row: row[key])
            entry[figure] = {
                "swiftlet": ours[key], "peer": best["engine"], "peerMilliseconds": best[key],
                "ratio": best[key] / ours[key],
            }
        result.append(entry)
    return result


# --- The report.


def packages(engines):
    """Those whose versions matter."""
    own = {ENGINES[name].package for name in engines if name in ENGINES}
    return own | {"torch", "torchvision", "timm", "onnx", "pnnx", "litert-torch", "numpy"}


def markdown(report):
    lines = heading(report, report["machine"]["processor"], f"Input {SIZE} × {SIZE}, 32-bit floats")
    lines += [
        "## Swiftlet and the best peer", "",
        "Ratio: the best peer's time over Swiftlet's; above 1 Swiftlet is faster.", "",
        "| network | batch | threads | Swiftlet minimum, ms | best peer, ms | ratio | "
        "Swiftlet median, ms | best peer, ms | ratio |", "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for entry in report["ratios"]:
        cells = [entry["network"], str(entry["batch"]), str(entry["threads"])]
        for figure in ("minimum", "median"):
            part = entry[figure]
            cells += [f"{part['swiftlet']:.2f}", f"{part['peer']} {part['peerMilliseconds']:.2f}",
                      f"**{part['ratio']:.2f}**"]
        lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "", "## All", "",
        "| network | batch | threads | engine | minimum, ms | median, ms | ± % | cores busy | strays by |",
        "|---|--:|--:|---|--:|--:|--:|--:|--:|",
    ]
    for row in report["rows"]:
        strays = "" if row["deviation"] is None else f"{row['deviation']:.0e}"
        lines.append(
            f"| {row['network']} | {row['batch']} | {row['threads']} | {row['engine']} "
            f"| {row['minimumMilliseconds']:.2f} | {row['medianMilliseconds']:.2f} | {100 * row['dispersion']:.1f} "
            f"| {row['coresBusy']:.2f} | {strays} |")
    lines += ["", "## Not run", ""]
    for row in report["missing"]:
        where = f", {row['network']}, batch {row['batch']}, threads {row['threads']}" if "network" in row else ""
        lines.append(f"* not run: {row['engine']}{where}: {row['why']}")
    if not report["missing"]:
        lines.append("Everything was run.")
    return "\n".join(lines) + "\n"


def speed_table(report):
    """The README's table: the fastest run of Swiftlet and of each peer, batch 1."""
    about = report["machine"]
    engines = [name for name in ["swiftlet", *ENGINES] if any(row["engine"] == name for row in report["rows"])]
    cases = {}
    for row in report["rows"]:
        cases.setdefault((row["network"], row["threads"], row["batch"]), {})[row["engine"]] = row["minimumMilliseconds"]
    lines = [
        f"Milliseconds for one image of {SIZE} × {SIZE} in 32-bit floats, the fastest of {report['rounds']} rounds in turns, on "
        f"{about['processor']}, {about['cores']} cores" + (", a virtual machine" if about["hypervisor"] else "")
        + f", on {report['date']}. [How it is measured](Benchmarks/README.md).", "",
        "| network | threads | " + " | ".join(engines) + " | best peer ÷ swiftlet |",
        "|---|--:|" + "--:|" * (len(engines) + 1),
    ]
    for (network, threads, batch), times in cases.items():
        if batch != 1 or "swiftlet" not in times or len(times) < 2:
            continue
        best = min(time for name, time in times.items() if name != "swiftlet")
        cells = [f"{times[name]:.2f}" if name in times else "–" for name in engines]
        lines.append(f"| {network} | {threads} | " + " | ".join(cells) + f" | **{best / times['swiftlet']:.2f}** |")
    return "\n".join(lines) + "\n"


def write_readme(report, path):
    """Puts the table between the two marks of the page."""
    begin, end = "<!-- speed: written by Benchmarks/peers/run.sh --readme -->\n", "<!-- end of speed -->\n"
    text = path.read_text()
    if begin not in text or end not in text:
        sys.exit(f"{path} has no '{begin.strip()}' … '{end.strip()}'")
    before, rest = text.split(begin, 1)
    path.write_text(before + begin + speed_table(report) + end + rest.split(end, 1)[1])


def main():
    def numbers(text):
        return [int(word) for word in text.split(",")]

    options = parser(
        __doc__.splitlines()[0], rounds=10, seconds=0.5, pause=0.25, limit=300, limited="a conversion",
        output=HERE / "results")
    options.add_argument("--networks", type=names(list(NETWORKS)), default=list(NETWORKS))
    options.add_argument("--engines", type=names(["swiftlet", *ENGINES]), default=DEFAULT,
                         help="of " + ", ".join(["swiftlet", *ENGINES]))
    options.add_argument("--threads", type=numbers, default=[1, 2])
    options.add_argument("--batch", type=numbers, default=[1])
    options.add_argument("--readme", action="store_true", help="write the table of speeds into the README")
    arguments = options.parse_args()

    if arguments.source:
        report = json.loads(arguments.source.read_text())
        if arguments.readme:
            write_readme(report, ROOT / "README.md")
        print(markdown(report).split("## All")[0])
        return
    report = begun(arguments, packages(arguments.engines))
    rows, missing = compare(arguments, lambda line: print(line, file=sys.stderr, flush=True))
    report |= {"ratios": ratios(rows), "missing": missing, "rows": rows}
    write(report, markdown(report), arguments.output)
    if arguments.readme:
        write_readme(report, ROOT / "README.md")
    print(markdown(report).split("## All")[0])
    for row in missing:
        print(f"not run: {row['engine']} {row.get('network', '')}: {row['why']}")


if __name__ == "__main__":
    main()
