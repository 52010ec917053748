"""What the comparisons share: the machine, the versions, how a process is confined to processors, and the shape of a report."""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class Refused(Exception):
    """Why an engine does not take part."""


def pinned(cpus, threads):
    """The prefix that confines a command to as many of the processors named as it has threads."""
    return ["taskset", "-c", ",".join(cpus[:threads])] if cpus else []


def machine():
    fields = {}
    try:
        for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines():
            key, _, value = line.partition(":")
            fields[key.strip()] = value.strip()
        name = fields.get("model name") or platform.machine()
    except OSError:
        name = subprocess.run(
            ["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True).stdout.strip()
    if fields.get("cpu family"):
        name += f" (family {fields['cpu family']}, model {fields['model']})"
    wanted = re.compile(r"sse4_2|avx.*|fma|f16c|amx.*|asimd.*|sve.*|i8mm|bf16")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    return {
        "processor": name, "cores": cores,
        "instructionSets": [flag for flag in flags if wanted.fullmatch(flag)],
        "hypervisor": "hypervisor" in flags, "system": platform.system(),
    }


def file_stem(about):
    """The name of the results' files."""
    return re.sub(r"[^a-z0-9]+", "-", about["processor"].lower()).strip("-")


def versions(packages):
    result = {"python": platform.python_version()}
    for package in sorted(packages):
        try:
            result[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            pass
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"], cwd=ROOT, capture_output=True, text=True)
    result["swiftlet"] = commit.stdout.strip() or "unknown"
    return result


# --- Arguments and reports.


def names(allowed):
    """A type of an argument: words of a list, separated by commas."""
    def parse(text):
        words = text.split(",")
        for word in words:
            if word not in allowed:
                raise argparse.ArgumentTypeError(f"'{word}' is none of {', '.join(allowed)}")
        return words
    return parse


def parser(description, *, rounds, seconds, pause, limit, limited, output):
    """The options that every comparison has, with its defaults."""
    result = argparse.ArgumentParser(description=description)
    result.add_argument("--rounds", type=int, default=rounds)
    result.add_argument("--seconds", type=float, default=seconds, help=f"of a slice (default {seconds:g})")
    result.add_argument("--pause", type=float, default=pause, help=f"seconds between slices (default {pause:g})")
    result.add_argument("--limit", type=int, default=limit, help=f"seconds for {limited} (default {limit})")
    result.add_argument("--cpus", type=lambda text: text.split(","), default=[],
                        help="confine every engine to the first of these processors, as many as threads")
    result.add_argument("--swiftlet", default=str(ROOT / ".build/release/swiftlet"), help="the program")
    result.add_argument("--from", dest="source", type=Path, help="do not measure: print the results of this .json")
    result.add_argument("--note", default="", help="what a reader must know of this run")
    result.add_argument("--output", type=Path, default=output)
    return result


def begun(arguments, packages):
    """What every report begins with; the load is that before the first measurement."""
    return {
        "date": datetime.date.today().isoformat(), "machine": machine(), "load": os.getloadavg()[0],
        "versions": versions(packages), "note": arguments.note, "rounds": arguments.rounds,
        "seconds": arguments.seconds,
    }


def heading(report, title, how):
    """The lines that every page begins with: when, where, how, which versions."""
    about = report["machine"]
    lines = [
        f"# {title}", "",
        f"{report['date']}, {about['cores']} cores, {' '.join(about['instructionSets'])}; {about['system']}"
        + (", a virtual machine" if about["hypervisor"] else "") + f"; load {report['load']:.1f} at the start.", "",
    ]
    if report["note"]:
        lines += [f"**{report['note']}**", ""]
    return lines + [
        f"{how}; {report['rounds']} rounds of {report['seconds']:g} s slices, in turns.", "",
        "Versions: " + ", ".join(f"{name} {value}" for name, value in report["versions"].items()) + ".", "",
    ]


def write(report, page, folder):
    """<processor>.json and <processor>.md."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = file_stem(report["machine"])
    (folder / f"{stem}.json").write_text(json.dumps(report, indent=1) + "\n")
    (folder / f"{stem}.md").write_text(page)
