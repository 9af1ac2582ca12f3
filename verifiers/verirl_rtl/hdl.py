"""Verilog as text: its modules by name, and a module renamed. Only for trusted text (ours, benchmarks)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""//[^\n]*|/\*.*?\*/            # comments
    |"(?:\\.|[^"\\])*"               # strings
    |\\\S+                           # escaped identifiers
    |[.`$]\s*[A-Za-z_][\w$]*         # ports and members by name, macros, system tasks
    |(?<![\w'])[A-Za-z_][\w$]*""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Outline:
    """The modules that a text defines, in order, and the names of those that it instantiates."""

    defined: tuple[str, ...]
    instantiated: tuple[str, ...]

    @property
    def roots(self) -> tuple[str, ...]:
        """Modules defined here that nothing here instantiates."""
        return tuple(name for name in self.defined if name not in self.instantiated)

    @property
    def wanted(self) -> tuple[str, ...]:
        """Modules instantiated here that are not defined here."""
        return tuple(dict.fromkeys(name for name in self.instantiated if name not in self.defined))


def outline(source: str) -> Outline:
    """What `source` defines and instantiates, by its syntax alone."""
    from pyslang.syntax import HierarchyInstantiationSyntax, ModuleDeclarationSyntax, SyntaxTree

    defined: list[str] = []
    instantiated: list[str] = []

    def visit(node: object) -> None:
        if isinstance(node, ModuleDeclarationSyntax):
            defined.append(node.header.name.valueText)
        elif isinstance(node, HierarchyInstantiationSyntax):
            instantiated.append(node.type.valueText)

    SyntaxTree.fromText(source).root.visit(visit)
    return Outline(tuple(defined), tuple(instantiated))


def renamed(source: str, old: str, new: str) -> str:
    """`source` with the identifier `old` turned into `new`, outside comments, strings and named ports.

    ValueError where `source` already uses `new` as a name of its own.
    """
    if old == new:
        return source
    if any(match[0] == new for match in _TOKEN.finditer(source)):
        raise ValueError(f"'{new}' is already a name there, so '{old}' cannot take it")
    return _TOKEN.sub(lambda match: new if match[0] == old else match[0], source)


def fenced(source: str) -> str:
    """A completion that answers with `source`."""
    return f"```verilog\n{source.strip()}\n```"
