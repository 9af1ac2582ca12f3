"""Does the sandbox work on this machine? Asked once a process, by running `true` in it."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

from verirl.errors import ToolMissingError
from verirl.sandbox.profile import SandboxProfile, switches_user, wrap

INSTALL = "sudo apt-get install bubblewrap   (or, for text that you trust, --unsafe-no-sandbox)"
_SECONDS = 20


def require() -> None:
    """Return where a sandbox can be made; raise ToolMissingError with what to do where it cannot."""
    refusal = _refusal()
    if refusal is not None:
        raise ToolMissingError(*refusal)


@cache
def _refusal() -> tuple[str, str] | None:
    if shutil.which("bwrap") is None:
        return "bubblewrap (bwrap)", INSTALL
    if switches_user() and shutil.which("setpriv") is None:
        return "setpriv", "sudo apt-get install util-linux"
    with wrap(["true"], SandboxProfile()) as command:
        try:
            done = subprocess.run(
                command.argv,
                pass_fds=command.fds,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"a bubblewrap that starts within {_SECONDS} s", INSTALL
    if done.returncode == 0:
        return None
    return explain(done.stderr.decode(errors="replace"))


def explain(stderr: str) -> tuple[str, str]:
    """What is missing and how to get it, from what bwrap said."""
    said = stderr.strip().splitlines()[-1] if stderr.strip() else "no message"
    if "Unknown option" in said:
        return f"bubblewrap 0.8 or newer (this one: {said})", INSTALL
    if _says_one("kernel/apparmor_restrict_unprivileged_userns"):
        advice = "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    elif _says_zero("kernel/unprivileged_userns_clone"):
        advice = "sudo sysctl -w kernel.unprivileged_userns_clone=1"
    elif _says_zero("user/max_user_namespaces"):
        advice = "sudo sysctl -w user.max_user_namespaces=15000"
    elif _in_container():
        advice = (
            "start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
            "--security-opt systempaths=unconfined (docker) or --security-opt unmask=ALL (podman)"
        )
    else:
        advice = "a kernel with user namespaces (CONFIG_USER_NS), or run as root"
    return f"permission to make namespaces (bubblewrap is there, but says '{said}')", advice


def _says_zero(name: str) -> bool:
    return _sysctl(name) == "0"


def _says_one(name: str) -> bool:
    return _sysctl(name) == "1"


def _sysctl(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _in_container() -> bool:
    return any(Path(place).exists() for place in ("/.dockerenv", "/run/.containerenv"))
