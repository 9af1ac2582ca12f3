"""Small changes to a Verilog text that an engineer could make by mistake, found in its syntax tree.

The texts must be trusted (references); the text of a model is never parsed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

_SWAPPED = {
    "+": ("-",), "-": ("+",), "*": ("+",), "/": ("*",), "%": ("/",),
    "&": ("|", "^"), "|": ("&", "^"), "^": ("|", "~^"), "~^": ("^",), "^~": ("^",),
    "&&": ("||",), "||": ("&&",), "==": ("!=",), "!=": ("==",), "===": ("!==",), "!==": ("===",),
    "<": ("<=", ">"), "<=": ("<", ">="), ">": (">=", "<"), ">=": (">", "<="),
    "<<": (">>",), ">>": ("<<",), "<<<": (">>>",), ">>>": (">>",),
}  # fmt: skip
_ASSIGNMENTS = ("AssignmentExpression", "NonblockingAssignmentExpression")


class Mutation(NamedTuple):
    """Bytes `start` to `end` of a text replaced by `text`. `kind` names the mistake."""

    kind: str
    start: int
    end: int
    text: str

    def of(self, source: str) -> str:
        """Return `source` with the change made."""
        data = source.encode()
        return (data[: self.start] + self.text.encode() + data[self.end :]).decode("utf-8", "replace")


def mutations(source: str, reset: str | None = None) -> tuple[Mutation, ...]:
    """Return all single changes to a text, in its order.

    Args:
        source: Trusted Verilog text.
        reset: The name of the reset, or None.
    """
    from pyslang.syntax import SyntaxTree

    data = source.encode()
    found: list[Mutation] = []
    loops: list[tuple[int, int]] = []

    def visit(node: Any) -> None:
        kind = str(getattr(node, "kind", "")).rpartition(".")[2]
        if kind == "ForLoopStatement":
            # A loop with a changed bound or step might never end.
            loops.append((node.openParen.range.start.offset, node.closeParen.range.end.offset))
        elif kind not in ("", "IdentifierName"):
            found.extend(_edits(kind, node, data, reset))

    SyntaxTree.fromText(source).root.visit(visit)
    return tuple(edit for edit in found if not any(low <= edit.start < high for low, high in loops))


def _edits(kind: str, node: Any, data: bytes, reset: str | None) -> Iterator[Mutation]:
    type_name = type(node).__name__
    if kind in _ASSIGNMENTS:
        yield from _assignment(kind, node, data)
    elif type_name == "BinaryExpressionSyntax":
        token = node.operatorToken
        start, end = token.range.start.offset, token.range.end.offset
        for other in _SWAPPED.get(token.valueText or data[start:end].decode(), ()):
            yield Mutation("operator", start, end, other)
    elif type_name == "PrefixUnaryExpressionSyntax":
        token = node.operatorToken
        start, end = token.range.start.offset, token.range.end.offset
        name = data[start:end].decode()
        if name in ("~", "!", "-"):
            yield Mutation("polarity", start, end, "")
        elif name in ("&", "|", "^"):
            yield Mutation("operator", start, end, "&" if name == "|" else "|")
    elif kind == "ConditionalPredicate":
        start, end = _range(node)
        text = data[start:end].decode()
        yield Mutation("reset" if reset and reset in text else "polarity", start, end, f"!({text})")
    elif kind == "ConditionalExpression":
        (a, b), (c, d) = _range(node.left), _range(node.right)
        yield Mutation("branches", a, d, f"{_text(data, c, d)} : {_text(data, a, b)}")
    elif kind in ("IntegerVectorExpression", "IntegerLiteralExpression"):
        yield from _number(kind, node, data)
    elif kind == "SignalEventExpression" and node.edge.valueText in ("posedge", "negedge"):
        yield from _event(node, data, reset)


def _assignment(kind: str, node: Any, data: bytes) -> Iterator[Mutation]:
    start, end = _range(node.right)
    text = _text(data, start, end)
    token = node.operatorToken.range
    if kind == "NonblockingAssignmentExpression":
        yield Mutation("blocking", token.start.offset, token.end.offset, "=")
    yield Mutation("inverted", start, end, f"~({text})")
    yield Mutation("lost bits", start, end, f"({text}) & 1'b1")


def _number(kind: str, node: Any, data: bytes) -> Iterator[Mutation]:
    start, end = _range(node)
    parent = str(node.parent.kind).rpartition(".")[2]
    if kind == "IntegerLiteralExpression":
        value = int(_text(data, start, end).replace("_", ""))
        what = "width" if parent == "SimpleRangeSelect" else "off by one"
        if what == "width" and value == 0:
            return
        yield Mutation(what, start, end, str(value + 1))
        if value > 0:
            yield Mutation(what, start, end, str(value - 1))
        return
    size, _, digits = _text(data, start, end).partition("'")
    base = {"d": 10, "h": 16, "b": 2, "o": 8}.get(digits[:1].lower())
    try:
        width, value = int(size), int(digits[1:].replace("_", ""), base or 10)
    except ValueError:
        return
    if base is None:
        return
    for step in (1, -1):
        other = (value + step) % (1 << width)
        if other != value:
            yield Mutation("off by one", start, end, f"{width}'d{other}")


def _event(node: Any, data: bytes, reset: str | None) -> Iterator[Mutation]:
    token = node.edge.range
    start, end = token.start.offset, token.end.offset
    name = str(node.expr).strip()
    yield Mutation("edge", start, end, "negedge" if node.edge.valueText == "posedge" else "posedge")
    if name == reset and str(node.parent.kind).endswith("BinaryEventExpression"):
        (first, last), (a, b), (c, d) = (
            _range(node.parent),
            _range(node.parent.left),
            _range(node.parent.right),
        )
        other = (c, d) if (a, b) == _range(node) else (a, b)
        yield Mutation("reset", first, last, _text(data, *other))


def _range(node: Any) -> tuple[int, int]:
    return node.sourceRange.start.offset, node.sourceRange.end.offset


def _text(data: bytes, start: int, end: int) -> str:
    return data[start:end].decode("utf-8", "replace")
