"""Run an untrusted program, or wrap a long-lived one, so that it sees and uses only what it is given."""

from verirl.sandbox.probe import require
from verirl.sandbox.profile import (
    HOME,
    SYSTEM_PATH,
    Command,
    Limits,
    SandboxProfile,
    interpreter,
    spare_user,
    wrap,
)
from verirl.sandbox.program import Outcome, read_output, run

__all__ = [
    "HOME",
    "SYSTEM_PATH",
    "Command",
    "Limits",
    "Outcome",
    "SandboxProfile",
    "interpreter",
    "read_output",
    "require",
    "run",
    "spare_user",
    "wrap",
]
