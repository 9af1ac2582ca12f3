"""What an RTL task's `spec` must say, read once and typed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from verirl.errors import SpecError

TEXT_LIMIT = 1_000_000
"""Characters of one Verilog text in a spec."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*\Z")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_ASIDE = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|\btask\b.*?\bendtask\b|\bfunction\b.*?\bendfunction\b', re.DOTALL
)
_FIELDS = (
    "top",
    "reference",
    "reference_top",
    "testbench",
    "testbench_top",
    "aux_files",
    "pass_rule",
    "rule",
    "equivalence",
    "clock",
    "reset",
    "ppa",
    "ppa_baseline",
)
_FIGURES = ("area_um2", "delay_ps", "power_uw")

Equivalence = Literal["require", "audit", "off"]
Rule = Literal["replay", "official"]
Ppa = Literal["score", "off"]


@dataclass(frozen=True, slots=True)
class RtlSpec:
    """A checked spec.

    `top`: the module that an answer must define. `reference`: Verilog whose module `reference_top` behaves
    as asked. `testbench`, `testbench_top`: a bench that instantiates `top` (and `reference_top`, perhaps),
    with the files it reads (`aux_files`, name → text) and the regular expression over its output that
    says passed (`pass_rule`). `rule`: `replay` compares with the recorded reference, `official` lets the
    bench judge. `equivalence`: whether a proof against the reference is a stage, a figure, or left out.
    `clock`, `reset`: names of ports, for stimulus without a bench. `ppa`: whether area, delay and power are
    judged (`score`) or left out (`off`). `ppa_baseline`: figures (`area_um2`,
    `delay_ps`, `power_uw`) to compare with instead of the reference's own.
    """

    top: str
    reference: str | None = None
    reference_top: str = ""
    testbench: str | None = None
    testbench_top: str = "tb"
    aux_files: Mapping[str, str] = field(default_factory=dict)
    pass_rule: str | None = None
    rule: Rule = "replay"
    equivalence: Equivalence = "off"
    clock: str | None = None
    reset: str | None = None
    ppa: Ppa = "score"
    ppa_baseline: Mapping[str, float] = field(default_factory=dict)


def read_spec(spec: Mapping[str, Any]) -> RtlSpec:
    """The spec as typed data; SpecError names the field that is unknown, missing or wrong."""
    for name in spec:
        if name not in _FIELDS:
            raise SpecError(str(name), f"unknown; an rtl spec has {', '.join(_FIELDS)}")
    top = _identifier(spec, "top")
    if top is None:
        raise SpecError("top", "missing")
    reference, testbench = _text(spec, "reference"), _text(spec, "testbench")
    if reference is None and testbench is None:
        raise SpecError("reference", "missing (or 'testbench')")
    rule = _choice(spec, "rule", ("replay", "official"), "replay" if reference is not None else "official")
    if rule == "official" and (testbench is None or "pass_rule" not in spec):
        raise SpecError("rule", "'official' needs 'testbench' and 'pass_rule'")
    if rule == "replay" and reference is None:
        raise SpecError("rule", "'replay' needs 'reference'")
    equivalence = _choice(spec, "equivalence", ("require", "audit", "off"), "off")
    if equivalence != "off" and reference is None:
        raise SpecError("equivalence", "needs 'reference'")
    reference_top = _identifier(spec, "reference_top") or top
    if reference is not None and _head(reference, reference_top) is None:
        raise SpecError("reference", f"defines no module '{reference_top}' ('reference_top' names another)")
    if rule == "replay" and reference is not None and _two_way(reference, reference_top):
        raise SpecError(
            "reference",
            'a port is \'inout\', which cannot be replayed; a bench may judge it ("rule": "official")',
        )
    return RtlSpec(
        top=top,
        reference=reference,
        reference_top=reference_top,
        testbench=testbench,
        testbench_top=_identifier(spec, "testbench_top") or "tb",
        aux_files=_files(spec),
        pass_rule=_pattern(spec),
        rule=rule,  # type: ignore[arg-type]
        equivalence=equivalence,  # type: ignore[arg-type]
        clock=_identifier(spec, "clock"),
        reset=_identifier(spec, "reset"),
        ppa=_choice(spec, "ppa", ("score", "off"), "score"),  # type: ignore[arg-type]
        ppa_baseline=_baseline(spec),
    )


def _head(text: str, module: str) -> re.Match[str] | None:
    return re.search(rf"\b(?:macro)?module\s+(?:(?:static|automatic)\s+)?{re.escape(module)}(?![\w$])", text)


def _two_way(text: str, module: str) -> bool:
    """Whether a module has a port of both directions: the word, in it, outside of tasks and comments."""
    plain = _ASIDE.sub(" ", text)
    found = _head(plain, module)
    return found is not None and "inout" in re.findall(r"[\w$]+", plain[found.end() :].split("endmodule")[0])


def _text(spec: Mapping[str, Any], name: str) -> str | None:
    value = spec.get(name)
    if name not in spec or value is None:
        return None
    if not isinstance(value, str):
        raise SpecError(name, f"must be a string, not {type(value).__name__}")
    if not value.strip():
        raise SpecError(name, "empty")
    if len(value) > TEXT_LIMIT:
        raise SpecError(name, f"longer than {TEXT_LIMIT} characters")
    return value


def _identifier(spec: Mapping[str, Any], name: str) -> str | None:
    value = _text(spec, name)
    if value is not None and not _IDENTIFIER.match(value):
        raise SpecError(name, "must be a Verilog identifier")
    return value


def _choice(spec: Mapping[str, Any], name: str, choices: tuple[str, ...], default: str) -> str:
    value = spec.get(name, default)
    if value not in choices:
        raise SpecError(name, f"must be one of {', '.join(choices)}")
    return str(value)


def _pattern(spec: Mapping[str, Any]) -> str | None:
    value = _text(spec, "pass_rule")
    if value is not None:
        try:
            re.compile(value)
        except re.error as problem:
            raise SpecError("pass_rule", f"is no regular expression: {problem}") from None
    return value


def _files(spec: Mapping[str, Any]) -> Mapping[str, str]:
    value = spec.get("aux_files", {})
    if not isinstance(value, dict):
        raise SpecError("aux_files", "must be an object of file names and texts")
    for name, text in value.items():
        if not _FILE_NAME.match(name):
            raise SpecError(f"aux_files.{name}", "must be a plain file name")
        if not isinstance(text, str):
            raise SpecError(f"aux_files.{name}", f"must be a string, not {type(text).__name__}")
    return value


def _baseline(spec: Mapping[str, Any]) -> Mapping[str, float]:
    value = spec.get("ppa_baseline", {})
    if not isinstance(value, dict):
        raise SpecError("ppa_baseline", f"must be an object with {', '.join(_FIGURES)}")
    for name, figure in value.items():
        where = f"ppa_baseline.{name}"
        if name not in _FIGURES:
            raise SpecError(where, f"unknown; there are {', '.join(_FIGURES)}")
        if isinstance(figure, bool) or not isinstance(figure, (int, float)):
            raise SpecError(where, "must be a number")
        if not math.isfinite(figure) or figure <= 0:
            raise SpecError(where, "must be more than 0")
    return value
