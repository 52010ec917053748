"""What the comparisons share: the machine, the versions, and how a process is confined to processors."""

import importlib.metadata
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
