"""The tokens of one answer, with a cursor."""

from __future__ import annotations

from verirl_math.parsing.expressions import ParseError
from verirl_math.parsing.lexer import END, Token

MAX_NESTING = 120
"""The deepest nesting of brackets, powers and arguments."""


class TokenStream:
    """A cursor over tokens that counts the open levels."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.fences: list[str] = []

    @property
    def token(self) -> Token:
        """The token at the cursor; END after the last."""
        return self.tokens[self.at] if self.at < len(self.tokens) else END

    def peek(self, ahead: int = 1) -> Token:
        """Return the token `ahead` positions after the cursor."""
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else END

    def advance(self) -> Token:
        """Return the token at the cursor, and advance."""
        token = self.token
        self.at += 1
        return token

    def is_op(self, *texts: str) -> bool:
        """Whether the token is one of these operators."""
        return self.token.kind == "op" and self.token.text in texts

    def is_macro(self, *names: str) -> bool:
        """Whether the token is one of these macros."""
        return self.token.kind == "macro" and self.token.text in names

    def expect(self, text: str) -> None:
        """Skip the operator `text`; ParseError if the cursor is at something else."""
        if not self.is_op(text):
            raise ParseError(f"expected '{text}'{self.here()}")
        self.advance()

    def here(self) -> str:
        """Describe the position of the cursor, for a message."""
        return f" before '{self.token.text}'" if self.token is not END else " at the end"

    def descend(self) -> None:
        """Enter a nested level; ParseError beyond the limit."""
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise ParseError("nested too deeply")
