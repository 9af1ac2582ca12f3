"""The verifier pool: jobs in, verdicts out, whatever the answers do to the processes that judge them."""

from verirl.pool.cache import VerdictCache
from verirl.pool.pool import VerifierPool
from verirl.pool.stats import PoolStats
from verirl.verifier import Request

__all__ = ["PoolStats", "Request", "VerdictCache", "VerifierPool"]
