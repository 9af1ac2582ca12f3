"""Wrong programs derived from a right one.

They are single changes of its syntax tree, and programs that do not try: empty, constant, the input returned,
the shown tests memorized, and a result that is off by one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple


class ProgramMutant(NamedTuple):
    """A wrong program. `kind` names what was changed."""

    kind: str
    source: str


_OTHER_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
# No change produces a product or a power: numbers in a loop would grow without bound.
_OTHER_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mod,
    ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.RShift: ast.BitAnd,
}
_OTHER_FUNCTIONS = {
    "min": "max",
    "max": "min",
    "sorted": "list",
    "sum": "len",
    "all": "any",
    "any": "all",
    "set": "list",
}
_GROWING_OPERATORS = (ast.Mult, ast.Pow, ast.LShift)
_DROPPABLE_STATEMENTS = (ast.Assign, ast.AugAssign, ast.Expr, ast.Continue)

Change = Callable[[Any], None]


def single_mutations(source: str) -> Iterator[ProgramMutant]:
    """Yield every program that differs from `source` by one change, in a fixed order.

    Args:
        source: A right program.

    Example:
        >>> [mutant.source for mutant in single_mutations("f = lambda x: x + 1")][1:]
        ['f = lambda x: x - 1\\n', 'f = lambda x: x + 2\\n', 'f = lambda x: x + 0\\n']
    """
    tree = ast.parse(source)
    names = sorted({n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)})
    for position, node in enumerate(ast.walk(tree)):
        for kind, change in _changes(node, names):
            # Parsing is cheaper than copying the tree.
            changed = ast.parse(source)
            change(next(islice(ast.walk(changed), position, None)))
            yield ProgramMutant(kind, ast.unparse(changed) + "\n")


def _changes(node: ast.AST, names: list[str]) -> Iterator[tuple[str, Change]]:
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                for other in _OTHER_COMPARISONS.get(type(operator), ()):
                    yield "comparison", _setting("ops", other(), index)
        case ast.BinOp() | ast.AugAssign():
            if type(node.op) in _OTHER_OPERATORS:
                yield "operator", _setting("op", _OTHER_OPERATORS[type(node.op)]())
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.FloorDiv | ast.Mod):
                yield "swapped operands", _swap_operands
        case ast.BoolOp():
            yield "and for or", _setting("op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
        case ast.Constant(value=int(number)) if type(number) is int:
            for step in (1, -1):
                yield "off by one", _setting("value", number + step)
        case ast.Constant(value=str(letter)) if len(letter) == 1:
            yield "wrong character", _setting("value", chr(ord(letter) + 1))
        case ast.UnaryOp() if isinstance(node.op, ast.USub | ast.Not):
            yield "sign or not", _drop_sign
        case ast.Name() if isinstance(node.ctx, ast.Load) and node.id in _OTHER_FUNCTIONS:
            yield "wrong function", _setting("id", _OTHER_FUNCTIONS[node.id])
        case ast.If() | ast.IfExp():
            yield "swapped branches", _negate_condition
            if isinstance(node, ast.If) and not node.orelse:
                yield "condition dropped", _setting("test", ast.Constant(True))
        case ast.Slice():
            yield "slice dropped", _open_slice
        case ast.comprehension() if node.ifs:
            yield "condition dropped", _setting("ifs", [])
        case ast.Call(func=ast.Attribute(value=receiver)):
            if not isinstance(receiver, ast.Name | ast.Constant):
                yield "call dropped", _drop_call
    for field, value in ast.iter_fields(node):
        if isinstance(value, list):
            for index, child in enumerate(value):
                if isinstance(child, _DROPPABLE_STATEMENTS):
                    yield "dropped statement", _setting(field, ast.Pass(), index)
    yield from _other_names(node, names)


def _setting(field: str, value: Any, index: int | None = None) -> Change:
    """Return the change that sets a field of a node, or one element of the field."""

    def change(node: Any) -> None:
        if index is None:
            setattr(node, field, value)
        else:
            getattr(node, field)[index] = value

    return change


def _other_names(node: ast.AST, names: list[str]) -> Iterator[tuple[str, Change]]:
    """Yield changes that put another variable in the place of one, except in products and powers."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, _GROWING_OPERATORS):
        return
    for field, value in ast.iter_fields(node):
        if isinstance(value, ast.Name) and isinstance(value.ctx, ast.Load) and value.id in names:
            other = names[(names.index(value.id) + 1) % len(names)]
            if other != value.id:
                yield "wrong variable", _setting(field, ast.Name(other, ast.Load()))


def _swap_operands(node: ast.BinOp) -> None:
    node.left, node.right = node.right, node.left


def _negate_condition(node: ast.If | ast.IfExp) -> None:
    node.test = ast.UnaryOp(ast.Not(), node.test)


def _drop_sign(node: ast.UnaryOp) -> None:
    node.op = ast.UAdd() if isinstance(node.op, ast.USub) else ast.Not()
    if isinstance(node.op, ast.Not):
        node.operand = ast.UnaryOp(ast.Not(), node.operand)


def _open_slice(node: ast.Slice) -> None:
    node.lower = node.upper = node.step = None


def _drop_call(node: ast.Call) -> None:
    """Turn `x.strip().lower()` into `str(x.strip())`: the last call of a chain is lost."""
    inner = node.func.value if isinstance(node.func, ast.Attribute) else node
    node.func, node.args, node.keywords = ast.Name("str", ast.Load()), [inner], []


_OFF_BY_ONE_TEMPLATE = """
def {name}(*args):
    value = _right(*args)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, list):
        return value + [0]
    return dict(value, x=0)
"""


def trivial_programs(
    name: str, args: tuple[str, ...], source: str, shown: list[tuple[Any, Any]], usual: Any
) -> Iterator[ProgramMutant]:
    """Yield programs that do not try to solve the problem, and one whose result is off by one.

    Args:
        name: The function to define.
        args: The names of its parameters.
        source: The reference.
        shown: Arguments and result of the tests that the prompt shows.
        usual: The most frequent result.
    """
    head = f"def {name}({', '.join(args)}):\n"
    yield ProgramMutant("empty body", f"{head}    pass\n")
    yield ProgramMutant("constant", f"{head}    return {usual!r}\n")
    yield ProgramMutant("input returned", f"{head}    return {args[0]}\n")
    table = "".join(f"    if args == {given!r}:\n        return {value!r}\n" for given, value in shown)
    if shown:
        yield ProgramMutant("shown tests by heart", f"def {name}(*args):\n{table}    return {usual!r}\n")
    yield ProgramMutant(
        "result off by one", f"{source}\n\n_right = {name}\n\n{_OFF_BY_ONE_TEMPLATE.format(name=name)}"
    )
