"""An evaluation as JUnit XML, so that a CI server shows it as a test run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from verirl.evaluation.result import Evaluation, TaskRow
from verirl.types import Status, Verdict

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_junit(evaluation: Evaluation, verdicts: Sequence[Verdict]) -> str:
    """One test case a task, which passes if one of its samples did.

    A failure says at which stage each sample fell and why; a task without a usable sample is an error.
    """
    by_task: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_task.setdefault(verdict.task_id, []).append(verdict)
    rows = evaluation.rows
    suite = ET.Element(
        "testsuite",
        name=_text(f"verirl eval {evaluation.model}"),
        tests=str(len(rows)),
        failures=str(sum(row.n > 0 and row.c == 0 for row in rows)),
        errors=str(sum(row.n == 0 for row in rows)),
        skipped="0",
        time=_seconds(verdicts),
    )
    for row in rows:
        _case(suite, row, by_task.get(row.id, []))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _case(suite: ET.Element, row: TaskRow, verdicts: Sequence[Verdict]) -> None:
    case = ET.SubElement(
        suite, "testcase", classname=_text(row.domain), name=_text(row.id), time=_seconds(verdicts)
    )
    if row.c:
        return
    kind, message = ("failure", f"0 of {row.n} samples passed")
    if row.n == 0:
        kind, message = ("error", f"none of {row.errors} samples could be judged")
    element = ET.SubElement(case, kind, type=kind, message=message)
    element.text = _text("\n".join(fall(verdict) for verdict in verdicts))


def _seconds(verdicts: Sequence[Verdict]) -> str:
    return f"{sum(stage.seconds for verdict in verdicts for stage in verdict.stages):.3f}"


def fall(verdict: Verdict) -> str:
    """Where a verdict left its ladder, and why, in a line."""
    ends = (Status.ERROR, Status.TIMEOUT, Status.FAILED)
    for status in ends:
        for stage in verdict.stages:
            if stage.status is status:
                told = f"sample {verdict.sample}: {stage.name} {stage.status.value}"
                return f"{told}: {stage.detail}" if stage.detail else told
    return f"sample {verdict.sample}: did not reach the end of the ladder"


def _text(text: str) -> str:
    """`text` with the characters that XML cannot hold replaced: a model may write any."""
    return _NOT_XML.sub("\ufffd", text)
