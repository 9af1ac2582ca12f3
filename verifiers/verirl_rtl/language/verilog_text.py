"""Verilog as text: its modules by name, modules renamed, and the parameters that a testbench sets.

Only for trusted text: references, testbenches, benchmarks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
    """Return what a text defines and instantiates, judged by its syntax alone."""
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


def rename_textually(source: str, old: str, new: str) -> str:
    """Replace an identifier everywhere except in comments, strings and named ports.

    Args:
        source: Trusted Verilog text.
        old: The identifier to replace.
        new: Its new name.

    Returns:
        The changed text.

    Raises:
        ValueError: If `source` already uses `new` as a name.

    Example:
        >>> rename_textually("module a; endmodule", "a", "b")
        'module b; endmodule'
    """
    if old == new:
        return source
    if any(match[0] == new for match in _TOKEN.finditer(source)):
        raise ValueError(f"'{new}' is already a name there, so '{old}' cannot take it")
    return _TOKEN.sub(lambda match: new if match[0] == old else match[0], source)


def rename_modules(text: str, names: Mapping[str, str]) -> str:
    """Rename modules in their definitions and instantiations.

    Args:
        text: Verilog text.
        names: Old name → new name.

    Returns:
        The changed text.
    """
    from pyslang.syntax import (
        HierarchyInstantiationSyntax,
        ModuleDeclarationSyntax,
        NamedBlockClauseSyntax,
        SyntaxTree,
    )

    tree = SyntaxTree.fromText(text)
    found: set[tuple[int, str]] = set()

    def note(token: Any) -> None:
        if token.valueText in names:
            found.add((token.location.offset, token.rawText))

    def visit(node: Any) -> None:
        if isinstance(node, ModuleDeclarationSyntax):
            note(node.header.name)
            if isinstance(node.blockName, NamedBlockClauseSyntax):
                note(node.blockName.name)
        elif isinstance(node, HierarchyInstantiationSyntax):
            note(node.type)

    tree.root.visit(visit)
    for start, raw in sorted(found, reverse=True):
        text = f"{text[:start]}{names[raw.lstrip(chr(92))]} {text[start + len(raw) :]}"
    return text


def bench_parameters(
    bench: str, bench_top: str, reference: str, reference_top: str, top: str
) -> dict[str, str]:
    """Return the parameters that a testbench sets on its first instance of `top`.

    Args:
        bench: The text of the testbench.
        bench_top: Its root module.
        reference: The text of the reference, which takes the place of `top`.
        reference_top: The module of the reference.
        top: The module under test.

    Returns:
        Name → value of each parameter that is overridden.
    """
    from pyslang import Bag, SourceManager
    from pyslang.ast import Compilation, CompilationOptions, InstanceSymbol
    from pyslang.syntax import SyntaxTree

    manager = SourceManager()
    options = CompilationOptions()
    options.topModules = {bench_top}
    bag = Bag()
    bag.compilationOptions = options
    compilation = Compilation(bag)
    compilation.addSyntaxTree(SyntaxTree.fromText(bench, manager, "bench"))
    if reference_top != top:
        compilation.addSyntaxTree(SyntaxTree.fromText(reference, manager, "reference"))
        reference = rename_modules(reference, {reference_top: top})
    compilation.addSyntaxTree(SyntaxTree.fromText(reference, manager, "copy"))
    found: list[dict[str, str]] = []

    def visit(node: Any) -> None:
        if isinstance(node, InstanceSymbol) and node.definition.name == top:
            found.append({one.name: str(one.value) for one in node.body.parameters if one.isOverridden})

    compilation.getRoot().visit(visit)
    return found[0] if found else {}


def to_fence(source: str) -> str:
    """Return a completion that answers with `source`: a fenced Verilog block."""
    return f"```verilog\n{source.strip()}\n```"
