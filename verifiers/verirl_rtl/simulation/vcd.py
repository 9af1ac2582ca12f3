"""Write a replay as a value change dump (IEEE 1364-2005, clause 18), for GTKWave or Surfer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from verirl_rtl.language.inspection import Port
from verirl_rtl.simulation.golden_trace import GoldenTrace

_FIRST, _LAST = ord("!"), ord("~")


def vcd(trace: GoldenTrace, lines: Sequence[str]) -> str:
    """Return inputs, wanted and actual outputs over the events of a trace, and where the two differ.

    Args:
        trace: The golden trace.
        lines: The output bits of the design in port order, one line per sample; fewer than in the trace if
            the simulation broke off.

    Returns:
        The text of a VCD file. One unit of time is one event.
    """
    signals: list[tuple[str, str, int]] = [("inputs", port.name, port.width) for port in trace.inputs]
    for scope in ("wanted", "got"):
        signals += [(scope, port.name, port.width) for port in trace.outputs]
    signals.append(("", "mismatch", 1))
    names = [_name(place) for place in range(len(signals))]
    head = ["$timescale 1 ns $end", "$scope module replay $end"]
    for scope in ("inputs", "wanted", "got", ""):
        inside = [
            f"$var wire {width} {name} {called}{f' [{width - 1}:0]' if width > 1 else ''} $end"
            for name, (where, called, width) in zip(names, signals, strict=True)
            if where == scope
        ]
        head += [f"$scope module {scope} $end", *inside, "$upscope $end"] if scope else inside
    head += ["$upscope $end", "$enddefinitions $end"]
    before: list[str] = [""] * len(signals)
    body: list[str] = []
    for time, values in enumerate(_values(trace, lines)):
        changed = [
            f"{value}{name}" if len(value) == 1 else f"b{value} {name}"
            for name, value, old in zip(names, values, before, strict=True)
            if value != old
        ]
        if changed:
            body += [f"#{time}", *changed]
        before = values
    return "\n".join([*head, *body, f"#{len(trace.events)}", ""])


def _values(trace: GoldenTrace, lines: Sequence[str]) -> Iterator[list[str]]:
    """The value of every signal after each event; outputs keep theirs if they are not sampled."""
    width = sum(port.width for port in trace.outputs)
    wanted = got = "x" * width
    sample = 0
    for event in trace.events:
        if event.sampled:
            wanted = trace.expected[sample]
            got = lines[sample] if sample < len(lines) else "x" * width
            sample += 1
        wrong = any(w not in ("x", g) for w, g in zip(wanted, got, strict=True))
        yield [
            *_cut(event.bits, trace.inputs),
            *_cut(wanted, trace.outputs),
            *_cut(got, trace.outputs),
            str(int(wrong)),
        ]


def _cut(bits: str, ports: Sequence[Port]) -> Iterator[str]:
    start = 0
    for port in ports:
        yield bits[start : start + port.width]
        start += port.width


def _name(place: int) -> str:
    """A short identifier of printable characters."""
    base = _LAST - _FIRST + 1
    text = chr(_FIRST + place % base)
    while place >= base:
        place = place // base - 1
        text = chr(_FIRST + place % base) + text
    return text
