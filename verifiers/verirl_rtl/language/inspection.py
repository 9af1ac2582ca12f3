"""Check whether a design may be simulated, and read its ports: pyslang in a forked child, within limits.

`inspect_answer` reads the text according to IEEE 1800-2017, expands its macros, and prints it again without
comments, directives or attributes. All later tools read only this canonical text, so that preprocessing,
pragmas and comments, which tools interpret differently, have no effect. The text is checked against lists of
system functions and keywords, then read and elaborated alone: a name outside the answer is unknown.
"""

from __future__ import annotations

import json
import os
import resource
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from verirl_rtl.language.language_rules import refusal_of_expanded, refusal_of_source, without_comments

if TYPE_CHECKING:
    import pyslang
    from pyslang.ast import Compilation, InstanceSymbol
    from pyslang.syntax import SyntaxTree

READER_MEMORY_MB = 512
"""Address space that reading one design may take in addition to the worker's own."""
READER_CPU_S = 4
MAX_ERRORS = 4
MAX_EXPANDED_CHARS = 2_000_000
"""Characters of canonical text: limits how much macros may expand an answer."""

Direction = Literal["input", "output", "inout"]


@dataclass(frozen=True, slots=True)
class Port:
    """A port of an elaborated module; `width` in bits."""

    name: str
    direction: Direction
    width: int
    signed: bool = False

    def __str__(self) -> str:
        return f"{self.direction} {f'[{self.width - 1}:0] ' if self.width > 1 else ''}{self.name}"


@dataclass(frozen=True, slots=True)
class Inspection:
    """The result of reading a design.

    Attributes:
        refusal: Why the language rules do not allow it; empty if they do.
        errors: Why it does not elaborate.
        text: The canonical text, if there is no refusal and no error.
        ports: The ports of the elaborated top module.
        parameters: Its parameters: name → value.
        overridden: The parameters that were set from outside.
        modules: The names that the text defines.
        edges: The inputs whose edges a process waits for (trusted texts only).
    """

    refusal: str = ""
    errors: tuple[str, ...] = ()
    text: str = ""
    ports: tuple[Port, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    overridden: Mapping[str, str] = field(default_factory=dict)
    modules: tuple[str, ...] = ()
    edges: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the design may be simulated."""
        return not self.refusal and not self.errors

    @property
    def inputs(self) -> list[Port]:
        """The input ports."""
        return [port for port in self.ports if port.direction == "input"]


def inspect_answer(source: str, top: str, parameters: Mapping[str, str] | None = None) -> Inspection:
    """Read a design that a model wrote.

    Args:
        source: The text. Untrusted.
        top: The module that must be the only root.
        parameters: Values for the parameters of `top`; names that it does not have are ignored.

    Returns:
        The inspection. A text that exceeds the limits of the reader is a refusal.

    Example:
        >>> inspect_answer("module m(input a, output y); assign y = ~a; endmodule", "m").ok
        True
    """
    if refusal := refusal_of_source(source):
        return Inspection(refusal=refusal)
    import pyslang  # noqa: F401 - once, before the fork

    return _confined(lambda: _read(source, top, parameters or {}, trusted=False))


def inspect_trusted(source: str, top: str, parameters: Mapping[str, str] | None = None) -> Inspection:
    """Read a text that belongs to the task: anything is allowed, as long as `top` elaborates.

    Args:
        source: The text. Trusted: it is read in this process, without limits.
        top: The module to elaborate.
        parameters: Values for the parameters of `top`; names that it does not have are ignored.

    Returns:
        The inspection, with `edges`.
    """
    return _read(source, top, parameters or {}, trusted=True)


def _confined(work: Callable[[], Inspection]) -> Inspection:
    """Run `work` in a forked child with limits; a child that the limits end is a refusal."""
    # Each page that the child writes is copied first, so everything possible is done before the fork.
    limits = _limits()
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(write_end, work, limits)
    os.close(write_end)
    # No wall-clock limit is needed: the child only computes, so its CPU limit ends it.
    with os.fdopen(read_end, "rb") as said:
        data = said.read()
    _, status = os.waitpid(pid, 0)
    if status == 0:
        return _from_json(data)
    return Inspection(
        refusal=f"it nests too deep, or reading it takes more than {READER_CPU_S} s or {READER_MEMORY_MB} MB"
    )


def _limits() -> list[tuple[int, int]]:
    """The resource limits of a child: memory on top of the parent's, and nothing above the hard limits."""
    own = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    wanted = (
        (resource.RLIMIT_AS, own + READER_MEMORY_MB * 1024 * 1024),
        (resource.RLIMIT_CPU, READER_CPU_S),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    )
    hard = {which: resource.getrlimit(which)[1] for which, _ in wanted}
    return [(w, v if hard[w] == resource.RLIM_INFINITY else min(v, hard[w])) for w, v in wanted]


def _child(write_end: int, work: Callable[[], Inspection], limits: list[tuple[int, int]]) -> NoReturn:
    code = 1
    try:
        for which, allowed in limits:
            resource.setrlimit(which, (allowed, allowed))
        try:
            found = _to_json(work())
        except (AttributeError, ImportError, KeyError, NameError, TypeError) as error:
            # A fault of this code, which the parent raises; any other exception was caused by the text.
            found = {"broken": f"{type(error).__name__}: {error}"[:500]}
        data = json.dumps(found).encode()
        while data:
            data = data[os.write(write_end, data) :]
        code = 0
    finally:
        os._exit(code)


def _to_json(found: Inspection) -> dict[str, Any]:
    # Not with `dataclasses.asdict`, which would copy everything.
    return {
        "refusal": found.refusal,
        "errors": found.errors,
        "text": found.text,
        "ports": [(port.name, port.direction, port.width, port.signed) for port in found.ports],
        "parameters": found.parameters,
        "overridden": found.overridden,
        "modules": found.modules,
        "edges": found.edges,
    }


def _from_json(data: bytes) -> Inspection:
    said = json.loads(data)
    if "broken" in said:
        raise RuntimeError(said["broken"])
    return Inspection(
        refusal=said["refusal"],
        errors=tuple(said["errors"]),
        text=said["text"],
        ports=tuple(Port(*port) for port in said["ports"]),
        parameters=said["parameters"],
        overridden=said["overridden"],
        modules=tuple(said["modules"]),
        edges=tuple(said["edges"]),
    )


def _read(source: str, top: str, parameters: Mapping[str, str], *, trusted: bool) -> Inspection:
    from pyslang import SourceManager

    manager = SourceManager()
    manager.setDisableLocalIncludes(True)
    tree = _parsed(source, manager)
    if errors := _told(tree.diagnostics, manager):
        return Inspection(errors=errors)
    text = without_comments(_printed(tree, manager))
    if len(text) > MAX_EXPANDED_CHARS:
        return Inspection(refusal=f"its macros expand to more than {MAX_EXPANDED_CHARS} characters")
    if not trusted and (refusal := refusal_of_expanded(text)):
        return Inspection(refusal=refusal)
    if "`default_nettype" in source and (
        errors := _told(_compiled(tree, manager, {}, set()).getAllDiagnostics(), manager)
    ):
        # The meaning of an undeclared name is lost with the directive.
        return Inspection(errors=errors)
    tree = _parsed(text, manager)
    if not trusted and (twice := _twice(tree)):
        return Inspection(refusal=f"'{twice}' is defined twice")
    compilation = _compiled(tree, manager, {}, {top} if trusted else set())
    roots = {one.name: one for one in compilation.getRoot().topInstances}
    modules = tuple(dict.fromkeys(one.name for one in compilation.getDefinitions()))
    if top not in modules:
        return Inspection(errors=(_absent(top, modules),), modules=modules)
    if not trusted and (refusal := _other_roots(top, roots)):
        return Inspection(refusal=refusal, modules=modules)
    own = {one.name for one in roots[top].body.parameters if not one.isLocalParam}
    wanted = {name: value for name, value in parameters.items() if name in own}
    if wanted:
        compilation = _compiled(_parsed(text, manager), manager, wanted, {top})
        roots = {one.name: one for one in compilation.getRoot().topInstances}
    if errors := _told(compilation.getAllDiagnostics(), manager):
        return Inspection(errors=errors, modules=modules)
    root = roots[top]
    try:
        ports = tuple(_port(one) for one in root.body.portList)
    except ValueError as error:
        return Inspection(errors=(str(error),), modules=modules)
    inputs = [port.name for port in ports if port.direction == "input"]
    edges = _edges(root) if trusted else frozenset[str]()
    return Inspection(
        text=text,
        ports=ports,
        parameters={one.name: str(one.value) for one in root.body.parameters if not one.isLocalParam},
        overridden=wanted,
        modules=modules,
        edges=tuple(name for name in inputs if name in edges),
    )


def _parsed(text: str, manager: pyslang.SourceManager) -> SyntaxTree:
    from pyslang import Bag
    from pyslang.parsing import ParserOptions, PreprocessorOptions
    from pyslang.syntax import SyntaxTree

    options = Bag()
    preprocessor = PreprocessorOptions()
    preprocessor.maxIncludeDepth = 0
    parser = ParserOptions()
    parser.maxRecursionDepth = 256
    options.preprocessorOptions = preprocessor
    options.parserOptions = parser
    return SyntaxTree.fromText(text, manager, "answer", "", options)


def _printed(tree: SyntaxTree, manager: pyslang.SourceManager) -> str:
    from pyslang.syntax import SyntaxPrinter

    printer = SyntaxPrinter(manager)
    printer.setIncludeTrivia(True)
    printer.setIncludeComments(True)
    printer.setExpandMacros(True)
    printer.setIncludeDirectives(False)
    printer.setIncludeSkipped(False)
    printer.setIncludeMissing(False)
    printer.setSquashNewlines(False)
    return printer.print(tree).str() + "\n"


def _compiled(
    tree: SyntaxTree, manager: pyslang.SourceManager, parameters: Mapping[str, str], tops: set[str]
) -> Compilation:
    from pyslang import Bag
    from pyslang.ast import Compilation, CompilationFlags, CompilationOptions

    options = CompilationOptions()
    options.topModules = tops
    options.paramOverrides = [f"{name}={value}" for name, value in parameters.items()]
    # Constructs that the simulators accept without a warning.
    options.flags |= CompilationFlags.AllowUseBeforeDeclare | CompilationFlags.RelaxEnumConversions
    options.maxInstanceDepth = 48
    options.maxGenerateSteps = 20_000
    options.errorLimit = 16
    options.typoCorrectionLimit = 4
    bag = Bag()
    bag.compilationOptions = options
    compilation = Compilation(bag)
    compilation.addSyntaxTree(tree)
    return compilation


def _twice(tree: SyntaxTree) -> str:
    """A module or package that is defined twice, of which each tool would use another one."""
    from pyslang.syntax import CompilationUnitSyntax, ModuleDeclarationSyntax

    members = tree.root.members if isinstance(tree.root, CompilationUnitSyntax) else ()
    names = [one.header.name.valueText for one in members if isinstance(one, ModuleDeclarationSyntax)]
    return next((name for name, count in Counter(names).items() if count > 1), "")


def _absent(top: str, modules: tuple[str, ...]) -> str:
    if not modules:
        return f"there is no module; the answer must define '{top}'"
    return f"there is no module '{top}', only {', '.join(repr(name) for name in modules[:5])}"


def _other_roots(top: str, roots: Iterable[str]) -> str:
    others = sorted(set(roots) - {top})
    if top not in roots:
        return f"'{top}' is instantiated by the answer itself; it must be the one root"
    if others:
        return f"'{others[0]}' is never instantiated; the answer must have '{top}' as its one root"
    return ""


def _told(diagnostics: Any, manager: pyslang.SourceManager) -> tuple[str, ...]:
    """The first errors as `line N: message`."""
    from pyslang import DiagnosticEngine

    engine = DiagnosticEngine(manager)
    said: list[str] = []
    for one in diagnostics:
        if one.isError():
            line = manager.getLineNumber(manager.getFullyOriginalLoc(one.location))
            words = f"line {line}: {engine.formatMessage(one)}"
            if words not in said:
                said.append(words)
    return tuple(said[:MAX_ERRORS])


def _port(port: Any) -> Port:
    from pyslang.ast import PortSymbol

    if not isinstance(port, PortSymbol):
        raise ValueError(f"port '{port.name}' is an interface or a group of ports")  # noqa: TRY004 - not our type
    if not port.type.isIntegral:
        what = "an unpacked array" if port.type.isUnpackedArray else "no vector of bits"
        raise ValueError(f"port '{port.name}' is {what}")
    direction = {"In": "input", "Out": "output", "InOut": "inout"}.get(port.direction.name)
    if direction is None:
        raise ValueError(f"port '{port.name}' is neither input nor output")
    return Port(port.name, direction, port.type.bitWidth, port.type.isSigned)  # type: ignore[arg-type]


def _edges(instance: InstanceSymbol) -> frozenset[str]:
    """The names in an instance whose edges are waited for by its processes or by those below it."""
    from pyslang import ast

    waited: set[str] = set()
    driven: list[tuple[set[str], set[str]]] = []

    def names(expression: Any) -> set[str]:
        found: set[str] = set()
        if expression is not None:
            expression.visit(
                lambda one: found.add(one.symbol.name) if isinstance(one, ast.NamedValueExpression) else None
            )
        return found

    def events(control: Any) -> None:
        if isinstance(control, ast.SignalEventControl) and control.edge.name != "None_":
            waited.update(names(control.expr))
        for one in getattr(control, "events", ()):
            events(one)

    def visit(node: Any) -> Any:
        if isinstance(node, ast.TimedStatement):
            events(node.timing)
        elif isinstance(node, ast.ContinuousAssignSymbol) and isinstance(
            node.assignment, ast.AssignmentExpression
        ):
            driven.append((names(node.assignment.left), names(node.assignment.right)))
        elif isinstance(node, ast.NetSymbol) and node.initializer is not None:
            driven.append(({node.name}, names(node.initializer)))
        elif isinstance(node, ast.InstanceSymbol) and node is not instance:
            below = _edges(node)
            for connection in node.portConnections:
                if connection.port.name in below:
                    waited.update(names(connection.expression))
            return ast.VisitAction.Skip
        return ast.VisitAction.Advance

    instance.body.visit(visit)
    while any(left & waited and not right <= waited for left, right in driven):
        for left, right in driven:
            if left & waited:
                waited |= right
    return frozenset(waited)
