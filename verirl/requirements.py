"""Which outside tools and packages there are to be, which are there, and the line that installs the rest."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from verirl.errors import InputError
from verirl.sandbox import SYSTEM_PATH

_VERSION = re.compile(r"\d+(?:\.\d+)+")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")
_VERSION_TIMEOUT_S = 10

USED_EXTRAS = ("math", "optics", "rtl", "train", "smollm2")
"""The extras that add something which verirl can do; the others choose a logger or serve development."""


class Tool(NamedTuple):
    """A line of `third_party/apt.txt`."""

    package: str
    least: str
    command: str
    required: bool
    domain: str
    purpose: str


class ToolStatus(NamedTuple):
    """What is there of one tool or package. `state`: installed, missing or too old."""

    name: str
    least: str
    version: str
    state: str
    required: bool
    domain: str
    purpose: str
    install: str


def list_file() -> Path:
    """`apt.txt`: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).parent
    inside = package / "_third_party" / "apt.txt"
    return inside if inside.is_file() else package.parent / "third_party" / "apt.txt"


@cache
def tools() -> tuple[Tool, ...]:
    """The tools of the list; InputError where a line of it is malformed."""
    path = list_file()
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split(maxsplit=5)
        if len(fields) != 6 or fields[3] not in ("required", "optional"):
            raise InputError.at(
                path, "expected: package version command required|optional domain purpose", line=number
            )
        package, least, command, need, domain, purpose = fields
        found.append(Tool(package, least, command, need == "required", domain, purpose))
    return tuple(found)


def install_line(command: str) -> str:
    """The line that installs `command`; a general one where the list does not know it."""
    package = next((tool.package for tool in tools() if tool.command == command), command)
    return f"sudo apt-get install {package}"


def look_for_tools() -> list[ToolStatus]:
    """The state of each tool of the list."""
    return [_look_for(tool) for tool in tools()]


def _look_for(tool: Tool) -> ToolStatus:
    # The core's tools are started by us, a domain's by workers in a sandbox.
    place = shutil.which(tool.command, path=None if tool.domain == "core" else SYSTEM_PATH)
    version = version_of(place) if place else ""
    state = "missing" if not place else "too old" if older(version, tool.least) else "installed"
    line = "" if state == "installed" else f"sudo apt-get install {tool.package}"
    elsewhere = None if place else shutil.which(tool.command)
    purpose = tool.purpose + (f"; {elsewhere} is where no sandbox sees it" if elsewhere else "")
    return ToolStatus(tool.command, tool.least, version, state, tool.required, tool.domain, purpose, line)


def version_of(command: str) -> str:
    """The first version that `command --version` or `command -V` prints; empty where neither does."""
    for option in ("--version", "-V"):
        try:
            done = subprocess.run(
                [command, option],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_VERSION_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        found = _VERSION.search((done.stdout + done.stderr).decode(errors="replace"))
        if found:
            return found.group()
    return ""


def older(version: str, least: str) -> bool:
    """Return whether `version` comes before `least`; False if either is not a version number."""
    try:
        return Version(version) < Version(least)
    except InvalidVersion:
        return False


def look_for_packages() -> Iterator[ToolStatus]:
    """Yield the state of each Python package that an extra of verirl needs, once per package."""
    seen: set[str] = set()
    for text in metadata.requires("verirl") or ():
        requirement = Requirement(text)
        extra = _extra_of(requirement)
        wanted = not extra or extra in USED_EXTRAS
        if wanted and requirement.name != "verirl" and requirement.name not in seen:
            seen.add(requirement.name)
            yield _package(requirement, extra)


def _extra_of(requirement: Requirement) -> str:
    """The extra that a requirement belongs to; empty for a requirement of the core."""
    extra = _EXTRA.search(str(requirement.marker or ""))
    return extra[1] if extra else ""


def _package(requirement: Requirement, extra: str) -> ToolStatus:
    name, bounds = requirement.name, requirement.specifier
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        version = ""
    if not version:
        state = "missing"
    elif bounds.contains(version, prereleases=True):
        state = "installed"
    else:
        least = [bound.version for bound in bounds if bound.operator in (">=", ">", "==", "~=")]
        state = "too old" if any(older(version, bound) for bound in least) else "too new"
    line = "" if state == "installed" else f"pip install 'verirl[{extra}]'" if extra else "pip install verirl"
    purpose = f"extra '{extra}'" if extra else "core"
    return ToolStatus(name, str(bounds), version, state, not extra, extra or "core", purpose, line)
