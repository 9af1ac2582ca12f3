"""Parse groups, tuples, sets, intervals, absolute values and matrices."""

from __future__ import annotations

from verirl_math.parsing.expressions import (
    Builder,
    Const,
    Interval,
    Matrix,
    Node,
    Op,
    ParseError,
    Rel,
    Seq,
    Text,
)
from verirl_math.parsing.lexer import END
from verirl_math.parsing.token_stream import TokenStream


class BracketParser(TokenStream):
    """A parser of bracketed expressions; a subclass parses their contents."""

    def sequence(self) -> Node:
        """Items between commas."""
        raise NotImplementedError

    def operand(self) -> Node:
        """One side of a relation."""
        raise NotImplementedError

    def sum(self) -> Node:
        """Terms between + and −."""
        raise NotImplementedError

    def group(self) -> Node:
        """Parse the content of braces: one expression, not a list."""
        self.expect("{")
        self.descend()
        self.fences.append("brace")
        node = self.over()
        self.fences.pop()
        self.depth -= 1
        self.expect("}")
        if isinstance(node, Seq) and node.kind == "list":
            raise ParseError("a list inside braces")
        return node

    def over(self) -> Node:
        """A sequence, or TeX's `a \\over b` and `n \\choose k`."""
        node = self.sequence()
        if self.is_macro("over", "choose"):
            name = "/" if self.advance().text == "over" else "binom"
            node = Op(name, (node, self.sequence()))
        return node

    def absolute(self) -> Node:
        """`|…|`."""
        self.advance()
        self.descend()
        self.fences.append("abs")
        node = self.sum()
        self.fences.pop()
        self.depth -= 1
        self.expect("|")
        return Op("abs", (node,))

    def fenced(self, closing: str, name: str) -> Node:
        """Parse `\\lfloor … \\rfloor` and similar pairs."""
        self.advance()
        self.descend()
        self.fences.append(name)
        node = self.sum()
        self.fences.pop()
        self.depth -= 1
        if not self.is_macro(closing):
            raise ParseError(f"expected '\\{closing}'")
        self.advance()
        return Op(name, (node,))

    def bracketed(self) -> Node:
        """Parse the content of parentheses, brackets, escaped braces or angle brackets."""
        opener = self.advance().text
        self.descend()
        self.fences.append("set" if opener == "lbrace" else opener)
        if opener == "lbrace" and self.is_macro("rbrace"):
            self.advance()
            self.fences.pop()
            self.depth -= 1
            return Const("empty")
        inside = self.sequence()
        if opener == "lbrace" and (self.is_op("|", ":") or self.is_macro("mid")):
            self.advance()
            inside = Builder(inside, self.sequence())
        self.fences.pop()
        self.depth -= 1
        closer = self.advance()
        if closer.kind not in ("op", "macro"):
            raise ParseError(f"unbalanced '{'{' if opener == 'lbrace' else opener}'")
        return _enclosed(opener, inside, closer.text)

    def environment(self) -> Node:
        """`\\begin{pmatrix} … \\end{pmatrix}`."""
        self.advance()
        name = self.environment_name()
        kinds = {"pmatrix": "matrix", "bmatrix": "matrix", "matrix": "matrix", "Bmatrix": "matrix",
                 "smallmatrix": "matrix", "array": "matrix", "vmatrix": "det"}  # fmt: skip
        if name not in kinds:
            raise ParseError(f"'\\begin{{{name}}}' is not read here")
        if name == "array" and self.is_op("{"):
            while not self.is_op("}"):
                if self.advance() is END:
                    raise ParseError("unbalanced '{'")
            self.advance()
        self.descend()
        self.fences.append("matrix")
        rows, row = list[tuple[Node, ...]](), [self.operand()]
        while not self.is_macro("end"):
            if self.is_op("&"):
                self.advance()
                row.append(self.operand())
            elif self.is_macro("newline"):
                self.advance()
                rows.append(tuple(row))
                if self.is_macro("end"):
                    row = []
                    break
                row = [self.operand()]
            else:
                raise ParseError(
                    f"unexpected '{self.token.text}' in a matrix"
                    if self.token is not END
                    else "unclosed matrix"
                )
        self.advance()
        if self.environment_name() != name:
            raise ParseError("mismatched \\begin and \\end")
        self.fences.pop()
        self.depth -= 1
        if row:
            rows.append(tuple(row))
        if len({len(each) for each in rows}) != 1:
            raise ParseError("a matrix with uneven rows")
        matrix = Matrix(tuple(rows))
        return Op("det", (matrix,)) if kinds[name] == "det" else matrix

    def environment_name(self) -> str:
        """The `{name}` of an environment."""
        self.expect("{")
        token = self.advance()
        self.expect("}")
        return token.text


def _enclosed(opener: str, inside: Node, closer: str) -> Node:
    several = isinstance(inside, Seq) and inside.kind == "list"
    if several and isinstance(inside, Seq) and inside.joint != ",":
        raise ParseError(f"'{inside.joint}' inside brackets")
    items = inside.items if several and isinstance(inside, Seq) else (inside,)
    pair = (opener, closer)
    if pair == ("(", ")"):
        return Seq("tuple", items) if several else inside
    if pair == ("[", "]"):
        if not several and not isinstance(inside, (Seq, Rel, Text)):
            return inside
        return _rows(items) or Seq("bracket", items)
    if pair == ("lbrace", "rbrace"):
        return inside if isinstance(inside, Builder) else Seq("set", items)
    if pair == ("langle", "rangle"):
        return Seq("tuple", items)
    if pair in (("(", "]"), ("[", ")")) and len(items) == 2:
        return Interval(items[0], items[1], opener == "[", closer == "]")
    raise ParseError("mismatched brackets")


def _rows(items: tuple[Node, ...]) -> Matrix | None:
    """`[[1, 2], [3, 4]]` is a matrix."""
    rows = [item.items for item in items if isinstance(item, Seq) and item.kind == "bracket"]
    if len(rows) != len(items) or len({len(row) for row in rows}) != 1:
        return None
    return Matrix(tuple(rows))
