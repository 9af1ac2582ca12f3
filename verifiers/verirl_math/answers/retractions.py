"""Detect that a completion denies, doubts or replaces the answer in its box.

Regular expressions match the words right before a box, right after it, and after the last one. They cover the
common ways to retract a statement in English; if none matches, the box counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_NEGATED = re.compile(
    r"(?:(?:\bnot|\bcannot|n['’]t|\bdoubt(?:\s+that)?|\bunlikely|\bhardly|\bnever|\bneither"
    r"|\bnor|\bno longer|\bwrong(?:ly)?|\bincorrect(?:ly)?|\brather than"
    r"|\binstead of|\bother than|\bruled? out|\bexcept|≠|\\neq?|\\not|\\neg|\\lnot)"
    r"(?:\s+(?:think|believe|say|sure|if|that|it|this|be|equal|equals|to|the|answer|is|simply|just|exactly|really"
    r"|actually|as|a|an))*"
    r"[\s:$\\(\[{}*_,]*"
    r"|(?:\\(?:[bx]?cancel|sout|st|[hv]?phantom)\s*\{|~~)[\s$*]*)$",
    re.IGNORECASE,
)
_ALTERNATIVE = re.compile(
    r"(?:\beither\b[^.\n]{0,60}\bor\b|(?<![\w.])-?\d[\d.,/]*[\s$)]*\bor\b)[\s:$\\(\[{]*$", re.IGNORECASE
)
_SECOND = re.compile(
    r"^[\s$)}\]\\*_,;.!(\[—–-]*(?:(?:text|mbox)\s*\{\s*)?"
    r"(?:actually|rather|instead|i mean|make (?:that|it)|no|nope|sorry|alternatively|maybe|perhaps"
    r"|possibly|or|but (?:it )?(?:could|might|may) (?:also )?be|could also be)[,:]?\s+"
    r"(?:no,?\s+|maybe\s+|perhaps\s+|it(?:['’]s| is)\s+|the answer is\s+)*"
    r"[$\\({\s]*-?(\d+(?:\.\d+)?)(?![\w])",
    re.IGNORECASE,
)
_LISTED = re.compile(r"^[\s$)}\]]*(?:,|;|/|,?\s*and\b)[\s$(]*-?\d+(?:\.\d+)?[\s$)]*(?:[.;]?\s*(?:\n|$))")
_DENIED = re.compile(
    r"^[\s$)}\]\\.*_,;:!-]*(?:(?:text|mbox|textrm|mathrm)\s*\{\s*)?"
    r"(?:(?:is|was|are|would be|seems|looks|can(?:no|['’])t be|must be|may be|might be)\s+"
    r"(?:(?:clearly|actually|probably|definitely|maybe|also)\s+)?"
    r"(?:wrong|incorrect|false|mistaken|impossible|a mistake|an error"
    r"|not\s*(?:the|correct|right|it|valid|what|my|our|possible|$|[.!,]))"
    r"|isn['’]t\b|(?:wrong|incorrect)\b|\(?not\b)",
    re.IGNORECASE,
)
_DOUBTED = re.compile(
    r"^[ \t$)}\]\\*_,;]*(?:(?:text|mbox|textrm|mathrm)\s*\{\s*)?"
    r"(?:or\b(?!,? (?:equivalently|in other words)|[\s$\\({]*\\?boxed)|maybe\b|perhaps\b|possibly\b|\?)",
    re.IGNORECASE,
)
_RETRACTED = re.compile(
    r"\b(?:wait\b|scratch that|strike that|disregard|ignore (?:that|this|the (?:above|previous|box))"
    r"|take (?:that|it) back|on second thoughts?|i (?:was|am) (?:wrong|mistaken)|i retract|i meant|my mistake"
    r"|i made (?:a|an) (?:mistake|error)|correction\b|no, (?:that|this|it|the|sorry)|oops\b|hmm\b"
    r"|(?:that(?: is|['’]s)|this is) (?:wrong|incorrect|not (?:right|correct))"
    r"|(?:above|previous|boxed)(?: answer| box| result| value)? is (?:wrong|incorrect|not)"
    r"|should have been (?!noted)|actually,? (?:the|it|that|no|i)\b|let me (?:redo|try again|correct))",
    re.IGNORECASE,
)
_RESTATED = re.compile(
    r"(?:\b(?:(?:the|final|correct|true|real|actual|right|my|our)\s+)+(?:answer|result)\s*"
    r"(?:is|should be|must be|would be|=)\s*:?|^[\s*_#]*answer\s*[*_]*:"
    r"|(?<!check )(?<!verify )\b(?:the|final|correct)\s+(?:answer|result)\s*[*_]*:)"
    r"\s*([^\n]{1,120}?)(?:\.(?!\d)|!|\n|\Z)",
    re.IGNORECASE | re.MULTILINE,
)
_DENIAL_CHARS = 80
"""The distance from a box, in characters, within which a denial must begin."""


def denial(text: str, start: int, end: int, floor: int = 0) -> str | None:
    """Say how the box at `text[start:end]` is denied or doubted; None if it is not.

    The previous box ends at `floor`.
    """
    before = text[max(floor, start - _DENIAL_CHARS) : start]
    if _NEGATED.search(before):
        return "the boxed answer is negated"
    if _ALTERNATIVE.search(before):
        return "the boxed answer is one of several"
    behind = text[end : end + _DENIAL_CHARS]
    if _DENIED.match(behind) or _DOUBTED.match(behind):
        return "the boxed answer is doubted or denied right after the box"
    second = _SECOND.match(behind)
    if (second and second[1] not in re.findall(r"\d+(?:\.\d+)?", text[start:end])) or _LISTED.match(behind):
        return "a second answer right after the box"
    return None


def retraction(rest: str) -> str | None:
    """Return the words by which the text after the last box retracts it; None if it does not."""
    match = _RETRACTED.search(rest)
    return match[0] if match else None


def restatements(rest: str) -> Iterator[str]:
    """Iterate over the answers that the text after the last box states."""
    for match in _RESTATED.finditer(rest):
        yield match[1].strip(" *_`")
