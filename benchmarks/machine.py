"""What a figure depends on: the machine and the versions."""

import importlib.metadata
import os
import platform
from pathlib import Path

import psutil

PACKAGES = ("grpcio", "protobuf", "confluent-kafka", "numpy", "litestar", "uvicorn", "uvloop", "msgspec")


def describe() -> dict[str, str]:
    """Return the facts by name."""
    facts = {
        "cores": str(os.cpu_count()),
        "cpu": _cpu_model(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "load before": f"{os.getloadavg()[0]:.2f}",
    }
    for package in PACKAGES:
        facts[package] = _version(package)
    return facts


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process and its children have used."""
    process = psutil.Process(pid)
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
