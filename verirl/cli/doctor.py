"""`verirl doctor`: what is installed, what is missing, and the line that installs it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verirl.cli.console import emit_json, json_option, quiet_option, show

if TYPE_CHECKING:
    from rich.console import RenderableType


@click.command(epilog="Example: verirl doctor --json | jq '.tools[] | select(.state != \"installed\")'")
@json_option
@quiet_option
def command(as_json: bool, quiet: bool) -> int:
    """Say what is installed, what is missing, and the line that installs it.

    Also tries the sandbox and loads every domain. Exit code 4 while something required is missing.
    """
    report = examine()
    if as_json:
        emit_json(report)
    for table in () if as_json and quiet else _tables(report):
        show(table, quiet=quiet)
    for problem in report["problems"]:
        click.echo(f"verirl: {problem}", err=True)
    return 0 if report["ok"] else 4


def examine() -> dict[str, Any]:
    """Everything that `doctor` reports, as plain JSON."""
    from verirl import __version__, requirements

    found_tools = [finding._asdict() for finding in requirements.look_for_tools()]
    packages = [finding._asdict() for finding in requirements.look_for_packages()]
    sandbox = _sandbox()
    domain = _domains()
    problems = [
        f"{entry['name']} is {entry['state']}; install it with: {entry['install']}"
        for entry in (*found_tools, *packages)
        if entry["required"] and entry["state"] != "installed"
    ]
    if not sandbox["works"] and not any(
        entry["name"] == "bwrap" for entry in found_tools if entry["install"]
    ):
        problems.append(f"the sandbox does not work: {sandbox['problem']}; what to do: {sandbox['install']}")
    for entry in domain:
        if entry["problem"]:
            advice = f"; install it with: {entry['install']}" if entry["install"] else ""
            problems.append(f"domain '{entry['name']}' does not load: {entry['problem']}{advice}")
    return {
        "ok": not problems,
        "problems": problems,
        "verirl": __version__,
        "machine": _machine(),
        "sandbox": sandbox,
        "tools": found_tools,
        "packages": packages,
        "domains": domain,
    }


def _sandbox() -> dict[str, Any]:
    from verirl import sandbox
    from verirl.errors import ToolMissingError, VerirlError

    try:
        done = sandbox.run(["true"])
    except ToolMissingError as error:
        return {"works": False, "problem": f"no {error.tool}", "install": error.install}
    except VerirlError as error:
        return {"works": False, "problem": str(error), "install": "see docs/concepts/sandbox.md"}
    words = (
        ""
        if done.ok
        else done.stderr.decode(errors="replace").strip() or f"`true` ended with {done.returncode}"
    )
    return {"works": done.ok, "problem": words, "install": "" if done.ok else "see docs/concepts/sandbox.md"}


def _domains() -> list[dict[str, Any]]:
    from verirl import registry
    from verirl.errors import ToolMissingError

    found = []
    for name in sorted(registry.installed()):
        entry: dict[str, Any] = {"name": name, "version": "", "tools": {}, "confined": None}
        entry |= {"problem": "", "install": ""}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                domain = registry.load(name)
                entry |= {
                    "version": domain.version,
                    "confined": domain.confined,
                    "tools": dict(domain.tools()),
                }
        except ToolMissingError as error:
            entry |= {"problem": f"{error.tool} is missing", "install": error.install}
        except Exception as error:  # noqa: BLE001 - a third party's domain may raise anything
            entry["problem"] = str(error) or type(error).__name__
        found.append(entry)
    return found


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "executable": sys.executable,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": _memory_gb(),
        "gpus": _gpus(),
    }


def _memory_gb() -> float:
    """Memory that this process may use: the machine's, or its control group's where that is less."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for place in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path(place).read_text(encoding="ascii")))
        except (OSError, ValueError):
            continue
    return round(min(limits) / 1024**3, 1)


def _gpus() -> list[str]:
    """The NVIDIA and AMD devices, asked of the drivers: importing torch would take seconds."""
    if shutil.which("nvidia-smi") is not None:
        query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
        try:
            done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return []
        return (
            [line.strip() for line in done.stdout.splitlines() if line.strip()]
            if done.returncode == 0
            else []
        )
    names = []
    for place in sorted(Path("/sys/class/drm").glob("card?/device/product_name")):
        try:
            names.append(place.read_text(encoding="utf-8", errors="replace").strip())
        except OSError:
            continue
    return names


def _tables(report: dict[str, Any]) -> list[RenderableType]:
    from rich.markup import escape
    from rich.table import Table

    machine = Table.grid(padding=(0, 2))
    place = report["machine"]
    machine.add_row("verirl", report["verirl"], f"Python {place['python']}, {place['system']}")
    machine.add_row("cores", str(place["cores"]), f"{place['memory_gb']} GB of memory")
    machine.add_row("GPU", ", ".join(place["gpus"]) or "none", "")
    works = report["sandbox"]["works"]
    machine.add_row("sandbox", "works" if works else "does not work", escape(report["sandbox"]["problem"]))
    table = Table("", "what", "version", "needed", "for", "install it with", box=None, padding=(0, 1))
    for entry in (*report["tools"], *report["packages"]):
        table.add_row(
            "ok" if entry["state"] == "installed" else entry["state"],
            entry["name"],
            entry["version"] or "–",
            entry["least"],
            entry["purpose"] + ("" if entry["required"] else " (optional)"),
            escape(entry["install"]),
        )
    for entry in report["domains"]:
        state = "broken" if entry["problem"] else "ok"
        used = ", ".join(f"{name} {version}" for name, version in entry["tools"].items())
        about = escape(entry["problem"] or used)
        row = (f"domain {entry['name']}", entry["version"] or "–", "", about, escape(entry["install"]))
        table.add_row(state, *row)
    return [machine, "", table]
