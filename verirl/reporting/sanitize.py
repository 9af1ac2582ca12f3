"""Make text that a model or a file supplied safe to print."""

from __future__ import annotations

import unicodedata


def clean(text: str) -> str:
    """Escape every character that could move a cursor, hide other characters or reorder them.

    Args:
        text: Text from a model or a file. Line breaks are kept, tabs become four spaces.

    Returns:
        Printable text, in which a control character appears as an escape such as `\\x1b`.
    """
    return "".join(map(_visible, text.replace("\r\n", "\n").replace("\t", "    ")))


def _visible(character: str) -> str:
    if character == "\n" or character.isprintable():
        return character
    kind = unicodedata.category(character)
    if kind == "Zs":
        return " "
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{{{code:x}}}"


def one_line(text: str, limit: int = 160) -> str:
    """Sanitize text and join it to one line of at most `limit` characters."""
    flat = " ".join(clean(text[: 4 * limit]).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def cut(text: str, rows: int, characters: int) -> str:
    """Sanitize text and cut it in the middle, so that its beginning and its end stay visible.

    Args:
        text: Text from a model or a file.
        rows: Maximum number of lines, before the line that counts what was left out.
        characters: Maximum number of characters, before the note that counts what was left out.

    Returns:
        The text itself if it fits, else its beginning and end around a note of what was left out.
    """
    whole = clean(text.strip("\n"))
    if len(whole) > characters:
        left = len(whole) - characters
        head = characters // 2
        whole = f"{whole[:head]} … {left} characters left out … {whole[len(whole) - characters + head :]}"
    kept = whole.split("\n")
    if len(kept) > rows:
        head = rows // 2
        left = len(kept) - rows
        kept = [
            *kept[:head],
            f"… {left} {'line' if left == 1 else 'lines'} left out …",
            *kept[len(kept) - rows + head :],
        ]
    return "\n".join(kept)
