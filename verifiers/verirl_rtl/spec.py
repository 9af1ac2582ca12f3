"""The `spec` of an RTL task: its pydantic model, and the checks that span several keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from verirl import spec as base
from verirl.errors import SpecError
from verirl.spec import Omittable, Spec

MAX_TEXT_CHARS = 1_000_000
"""Characters of one Verilog text in a spec."""

Equivalence = Literal["require", "audit", "off"]
Rule = Literal["replay", "official"]
Ppa = Literal["score", "off"]
Figure = Literal["area_um2", "delay_ps", "power_uw"]

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*\Z")
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_NOT_PORTS = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:[^"\\\n]|\\.)*"|\btask\b.*?\bendtask\b|\bfunction\b.*?\bendfunction\b', re.DOTALL
)
_NULL_MEANS_ABSENT = ("reference", "reference_top", "testbench", "testbench_top", "pass_rule")


def _check_text(value: str) -> str:
    if not value.strip():
        raise ValueError("empty")
    if len(value) > MAX_TEXT_CHARS:
        raise ValueError(f"longer than {MAX_TEXT_CHARS} characters")
    return value


def _check_identifier(value: str) -> str:
    if not _IDENTIFIER.match(value):
        raise ValueError("must be a Verilog identifier")
    return value


def _check_pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return _check_text(value)


def _check_files(files: dict[str, str]) -> dict[str, str]:
    for name in files:
        if not _FILE_NAME.match(name):
            raise SpecError(f"aux_files.{name}", "must be a plain file name")
    return files


def _drop_default(schema: dict[str, Any]) -> None:
    """Leave out of the JSON Schema a default that depends on other keys."""
    schema.pop("default", None)


VerilogText = Annotated[str, AfterValidator(_check_text)]
Identifier = Annotated[str, AfterValidator(_check_identifier)]


class RtlSpec(Spec):
    """What the RTL verifier needs of a task: a reference, a testbench, or both.

    - Reference alone: the inputs are generated, and the answer must do what the reference does.
    - Reference and testbench: the inputs are those that the testbench gives to the reference.
    - Testbench alone, or `rule` is `official`: the testbench itself says whether the answer passed.
    """

    noun: ClassVar[str] = "an rtl spec"

    top: Identifier = Field(description="The module that an answer must define.")
    reference: Omittable[VerilogText] = Field(
        None, description="Verilog whose module 'reference_top' behaves as asked."
    )
    reference_top: Identifier = Field(
        "",
        description="The module of 'reference' that answers are compared with; by default 'top'.",
        json_schema_extra=_drop_default,
    )
    testbench: Omittable[VerilogText] = Field(
        None, description="A testbench that instantiates 'top', and perhaps 'reference_top'."
    )
    testbench_top: Identifier = Field("tb", description="The root module of 'testbench'.")
    aux_files: Annotated[dict[str, str], AfterValidator(_check_files)] = Field(
        default_factory=dict, description="Files that the testbench reads: file name → text."
    )
    pass_rule: Omittable[Annotated[str, AfterValidator(_check_pattern)]] = Field(
        None,
        description="A regular expression (Python's re.search) over the output of the testbench; the answer "
        "passed if it matches. Only used if 'rule' is 'official'.",
    )
    rule: Rule = Field(
        "replay",
        description="'replay' compares the answer with the recorded reference; 'official' lets the testbench "
        "judge, which needs 'testbench' and 'pass_rule'. By default 'replay' if there is a reference.",
        json_schema_extra=_drop_default,
    )
    equivalence: Equivalence = Field(
        "off",
        description="A proof against the reference: 'require' makes it a stage that an answer can fail, "
        "'audit' adds its result to the metrics, 'off' leaves it out.",
    )
    clock: Identifier | None = Field(
        None, description="The clock port, for inputs that are generated. By default it is detected."
    )
    reset: Identifier | None = Field(
        None, description="The reset port, for inputs that are generated. By default it is detected."
    )
    ppa: Ppa = Field(
        "score", description="Whether area, delay and power are scored ('score') or left out ('off')."
    )
    ppa_baseline: dict[Figure, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default_factory=dict,
        description="Figures to compare with instead of those of the reference: area in µm², delay in ps, "
        "power in µW.",
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_dependent_defaults(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        filled = {
            key: each for key, each in value.items() if each is not None or key not in _NULL_MEANS_ABSENT
        }
        if "top" in filled:
            filled.setdefault("reference_top", filled["top"])
        if "reference" not in filled:
            filled.setdefault("rule", "official")
        return filled

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.reference is None and self.testbench is None:
            raise SpecError("reference", "missing (or 'testbench')")
        if self.rule == "official" and (self.testbench is None or self.pass_rule is None):
            raise SpecError("rule", "'official' needs 'testbench' and 'pass_rule'")
        if self.rule == "replay" and self.reference is None:
            raise SpecError("rule", "'replay' needs 'reference'")
        if self.equivalence != "off" and self.reference is None:
            raise SpecError("equivalence", "needs 'reference'")
        if self.reference is not None:
            self._check_reference(self.reference)
        return self

    def _check_reference(self, reference: str) -> None:
        if _module_header(reference, self.reference_top) is None:
            raise SpecError(
                "reference", f"defines no module '{self.reference_top}' ('reference_top' names another)"
            )
        if self.rule == "replay" and _has_inout(reference, self.reference_top):
            raise SpecError(
                "reference",
                'a port is \'inout\', which cannot be replayed; a bench may judge it ("rule": "official")',
            )


def read_spec(spec: Mapping[str, Any]) -> RtlSpec:
    """Validate the `spec` of an RTL task.

    Args:
        spec: The spec as it was read from JSON.

    Returns:
        The validated, frozen spec.

    Raises:
        SpecError: If a key is unknown, missing or wrong; the error names the field.

    Example:
        >>> inverter = "module inv(input a, output y); assign y = ~a; endmodule"
        >>> spec = read_spec({"top": "inv", "reference": inverter})
        >>> spec.reference_top, spec.rule
        ('inv', 'replay')
    """
    return base.read_spec(RtlSpec, spec)


def _module_header(text: str, module: str) -> re.Match[str] | None:
    return re.search(rf"\b(?:macro)?module\s+(?:(?:static|automatic)\s+)?{re.escape(module)}(?![\w$])", text)


def _has_inout(text: str, module: str) -> bool:
    """Whether a module has an inout port: the word occurs in it, outside of tasks and comments."""
    plain = _NOT_PORTS.sub(" ", text)
    header = _module_header(plain, module)
    return header is not None and "inout" in re.findall(
        r"[\w$]+", plain[header.end() :].split("endmodule")[0]
    )
