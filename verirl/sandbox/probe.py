"""Check whether the sandbox works on this machine: once per process, by running `true` in it."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

from verirl.errors import ToolMissingError
from verirl.sandbox.profile import SandboxProfile, switches_user, wrap

INSTALL = "sudo apt-get install bubblewrap   (or, for text that you trust, --unsafe-no-sandbox)"
_PROBE_TIMEOUT_S = 20


def require() -> None:
    """Check that a sandbox can be made.

    Raises:
        ToolMissingError: If it cannot, with what to do about it.
    """
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
                timeout=_PROBE_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"a bubblewrap that starts within {_PROBE_TIMEOUT_S} s", INSTALL
    if done.returncode == 0:
        return None
    return explain(done.stderr.decode(errors="replace"))


def explain(stderr: str) -> tuple[str, str]:
    """Return what is missing and how to get it, from what bwrap printed."""
    message = stderr.strip().splitlines()[-1] if stderr.strip() else "no message"
    if "Unknown option" in message:
        return f"bubblewrap 0.8 or newer (this one: {message})", INSTALL
    if _is_one("kernel/apparmor_restrict_unprivileged_userns"):
        advice = "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    elif _is_zero("kernel/unprivileged_userns_clone"):
        advice = "sudo sysctl -w kernel.unprivileged_userns_clone=1"
    elif _is_zero("user/max_user_namespaces"):
        advice = "sudo sysctl -w user.max_user_namespaces=15000"
    elif _in_container():
        advice = (
            "start the container with --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
            "--security-opt systempaths=unconfined (docker) or --security-opt unmask=ALL (podman)"
        )
    else:
        advice = "a kernel with user namespaces (CONFIG_USER_NS), or run as root"
    return f"permission to make namespaces (bubblewrap is there, but says '{message}')", advice


def _is_zero(name: str) -> bool:
    return _sysctl(name) == "0"


def _is_one(name: str) -> bool:
    return _sysctl(name) == "1"


def _sysctl(name: str) -> str:
    try:
        return Path("/proc/sys", name).read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _in_container() -> bool:
    return any(Path(marker).exists() for marker in ("/.dockerenv", "/run/.containerenv"))
