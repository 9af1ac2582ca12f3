"""The verifier pool: jobs in, verdicts out, whatever the answers do to the processes that judge them."""

from verirl.engine.cache import VerdictCache
from verirl.engine.pool import PoolStats, Request, VerifierPool

__all__ = ["PoolStats", "Request", "VerdictCache", "VerifierPool"]
