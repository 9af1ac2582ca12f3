"""How an answer did on its tests, as data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class CaseResult:
    """How one test ended.

    Attributes:
        passed: Whether the answer passed it.
        reason: What went wrong, in words; empty if nothing did.
        line: The line of the answer at fault, from 1; 0 if none is known.
        timed_out: Whether the time was over.
        test_line: The line of the test code at fault, from 1; 0 if none is known.
    """

    passed: bool
    reason: str = ""
    line: int = 0
    timed_out: bool = False
    test_line: int = 0


@dataclass(frozen=True)
class GradedAnswer:
    """How an answer did as a whole.

    Attributes:
        failed_stage: `parse` or `runs` if the answer did not get as far as its tests, else None.
        reason: Why that stage failed, in words.
        line: The line of the answer at fault, from 1; 0 if none is known.
        timed_out: Whether that stage ran out of time.
        results: The results by test number; a test that was not reached is absent.
        total: The number of tests.
        cpu_s: CPU time of the process that ran the tests, user and system.
    """

    failed_stage: str | None = None
    reason: str = ""
    line: int = 0
    timed_out: bool = False
    results: dict[int, CaseResult] = field(default_factory=dict)
    total: int = 0
    cpu_s: float = 0.0

    @property
    def all_passed(self) -> bool:
        """Whether it passed every test."""
        passed = sum(result.passed for result in self.results.values())
        return self.failed_stage is None and passed == self.total > 0

    @property
    def ran_out_of_time(self) -> bool:
        """Whether it was stopped before it had come to its end."""
        return self.timed_out or any(result.timed_out for result in self.results.values())
