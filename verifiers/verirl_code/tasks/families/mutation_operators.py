"""Wrong programs near a right one: one small change in its syntax tree each, and the usual bad faith."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple


class ProgramMutant(NamedTuple):
    """A changed program. `kind` names the change."""

    kind: str
    source: str


_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
# No change makes a product or a power out of anything else: numbers in a loop would grow without bound.
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
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
_NAMED = {
    "min": "max",
    "max": "min",
    "sorted": "list",
    "sum": "len",
    "all": "any",
    "any": "all",
    "set": "list",
}
_GROWING = (ast.Mult, ast.Pow, ast.LShift)
_DROPPED = (ast.Assign, ast.AugAssign, ast.Expr, ast.Continue)

Change = Callable[[Any], None]


def single_mutations(source: str) -> Iterator[ProgramMutant]:
    """Every single change of `source` that the operators know, in a fixed order."""
    tree = ast.parse(source)
    names = sorted({n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)})
    for place, node in enumerate(ast.walk(tree)):
        for kind, change in _changes(node, names):
            # To parse is cheaper than to copy.
            changed = ast.parse(source)
            change(next(islice(ast.walk(changed), place, None)))
            yield ProgramMutant(kind, ast.unparse(changed) + "\n")


def _changes(node: ast.AST, names: list[str]) -> Iterator[tuple[str, Change]]:
    match node:
        case ast.Compare():
            for place, sign in enumerate(node.ops):
                for other in _COMPARED.get(type(sign), ()):
                    yield "comparison", _put("ops", other(), place)
        case ast.BinOp() | ast.AugAssign():
            if type(node.op) in _COMPUTED:
                yield "operator", _put("op", _COMPUTED[type(node.op)]())
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.FloorDiv | ast.Mod):
                yield "swapped operands", _swap_operands
        case ast.BoolOp():
            yield "and for or", _put("op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
        case ast.Constant(value=int(number)) if type(number) is int:
            for by in (1, -1):
                yield "off by one", _put("value", number + by)
        case ast.Constant(value=str(letter)) if len(letter) == 1:
            yield "wrong character", _put("value", chr(ord(letter) + 1))
        case ast.UnaryOp() if isinstance(node.op, ast.USub | ast.Not):
            yield "sign or not", _without_sign
        case ast.Name() if isinstance(node.ctx, ast.Load) and node.id in _NAMED:
            yield "wrong function", _put("id", _NAMED[node.id])
        case ast.If() | ast.IfExp():
            yield "swapped branches", _negated
            if isinstance(node, ast.If) and not node.orelse:
                yield "condition dropped", _put("test", ast.Constant(True))
        case ast.Slice():
            yield "slice dropped", _open_slice
        case ast.comprehension() if node.ifs:
            yield "condition dropped", _put("ifs", [])
        case ast.Call(func=ast.Attribute(value=receiver)):
            if not isinstance(receiver, ast.Name | ast.Constant):
                yield "call dropped", _receiver
    for field, value in ast.iter_fields(node):
        if isinstance(value, list):
            for place, child in enumerate(value):
                if isinstance(child, _DROPPED):
                    yield "dropped statement", _put(field, ast.Pass(), place)
    yield from _other_names(node, names)


def _put(field: str, value: Any, place: int | None = None) -> Change:
    """The change that sets a field, or one element of a field, of the node that it is given."""

    def change(node: Any) -> None:
        if place is None:
            setattr(node, field, value)
        else:
            getattr(node, field)[place] = value

    return change


def _other_names(node: ast.AST, names: list[str]) -> Iterator[tuple[str, Change]]:
    """Another variable in place of one, but never as a factor."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, _GROWING):
        return
    for field, value in ast.iter_fields(node):
        if isinstance(value, ast.Name) and isinstance(value.ctx, ast.Load) and value.id in names:
            other = names[(names.index(value.id) + 1) % len(names)]
            if other != value.id:
                yield "wrong variable", _put(field, ast.Name(other, ast.Load()))


def _swap_operands(node: ast.BinOp) -> None:
    node.left, node.right = node.right, node.left


def _negated(node: ast.If | ast.IfExp) -> None:
    node.test = ast.UnaryOp(ast.Not(), node.test)


def _without_sign(node: ast.UnaryOp) -> None:
    node.op = ast.UAdd() if isinstance(node.op, ast.USub) else ast.Not()
    if isinstance(node.op, ast.Not):
        node.operand = ast.UnaryOp(ast.Not(), node.operand)


def _open_slice(node: ast.Slice) -> None:
    node.lower = node.upper = node.step = None


def _receiver(node: ast.Call) -> None:
    """`x.strip().lower()` becomes `(x.strip())`: the last call of a chain is lost."""
    inner = node.func.value if isinstance(node.func, ast.Attribute) else node
    node.func, node.args, node.keywords = ast.Name("str", ast.Load()), [inner], []


_OFF = """
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
    """Programs that do not try: nothing, a constant, the input, the shown tests by heart, nearly right.

    `shown`: arguments and result of the tests that the prompt shows. `usual`: the most frequent result.
    """
    head = f"def {name}({', '.join(args)}):\n"
    yield ProgramMutant("empty body", f"{head}    pass\n")
    yield ProgramMutant("constant", f"{head}    return {usual!r}\n")
    yield ProgramMutant("input returned", f"{head}    return {args[0]}\n")
    table = "".join(f"    if args == {given!r}:\n        return {value!r}\n" for given, value in shown)
    if shown:
        yield ProgramMutant("shown tests by heart", f"def {name}(*args):\n{table}    return {usual!r}\n")
    yield ProgramMutant("result off by one", f"{source}\n\n_right = {name}\n\n{_OFF.format(name=name)}")
