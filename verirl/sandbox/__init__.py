"""Run one untrusted program, or wrap a long-lived one, so that it sees and uses only what it was given."""

from verirl.sandbox.policy import HOME, Command, Limits, Policy, interpreter, spare_user, wrap
from verirl.sandbox.probe import require

__all__ = ["HOME", "Command", "Limits", "Policy", "interpreter", "require", "spare_user", "wrap"]
