"""Module names changed, and a bench's parameters read, from texts that come with a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def renamed(text: str, names: Mapping[str, str]) -> str:
    """The text with its modules called otherwise, where they are defined and where they are instantiated."""
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
    """The parameters that a bench sets on its first `top`, with the reference in its place."""
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
        reference = renamed(reference, {reference_top: top})
    compilation.addSyntaxTree(SyntaxTree.fromText(reference, manager, "copy"))
    found: list[dict[str, str]] = []

    def visit(node: Any) -> None:
        if isinstance(node, InstanceSymbol) and node.definition.name == top:
            found.append({one.name: str(one.value) for one in node.body.parameters if one.isOverridden})

    compilation.getRoot().visit(visit)
    return found[0] if found else {}
