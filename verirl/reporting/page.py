"""A run's summary as one HTML file: nothing is loaded from elsewhere or executed, all text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from verirl.reporting import narrative, sanitize, tables
from verirl.reporting.formatting import figure, percent, seconds
from verirl.reporting.rollouts import Sample
from verirl.reporting.sanitize import clean
from verirl.reporting.summary import GrpoSummary, Summary
from verirl.reporting.svg import SERIES, line_chart
from verirl.training.figures import Chart

SAMPLE_ROWS, SAMPLE_CHARACTERS = 60, 6000

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The page forbids itself scripts and outside resources: what it shows was written by a model."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #60646c; --line: #dfe2e6; --ground: #fcfcfd;
  --card: #fff; --good: #18794e; --bad: #c62a2f;
  --c0: #0b68cb; --c1: #d9730d; --c2: #18794e; --c3: #8e4ec6; --c4: #c62a2f; --c5: #12796f; }
@media (prefers-color-scheme: dark) { :root { --ink: #edeef0; --soft: #a5abb3; --line: #363a3f;
  --ground: #111214; --card: #191b1e; --good: #4cc38a; --bad: #ff8589;
  --c0: #70b8ff; --c1: #ffa057; --c2: #4cc38a; --c3: #c89cf0; --c4: #ff8589; --c5: #5fd4c6; } }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1.25rem 4rem; background: var(--ground);
  color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1rem; margin: 0 0 .25rem; }
p { margin: .4rem 0; } .soft, figcaption, th { color: var(--soft); font-weight: normal; }
.soft { font-size: .9rem; } .lead { font-size: 1.15rem; font-weight: 600; }
.good { color: var(--good); } .bad { color: var(--bad); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .75rem 0; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { text-align: right; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th.left, td.left { text-align: left; }
.grid2 { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 1rem; }
figure, .card { margin: 0; padding: .9rem 1rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; } .card { margin: .75rem 0; }
figcaption { font-size: .85rem; } figcaption b { font-weight: 600; }
svg { width: 100%; height: auto; display: block; }
.grid { stroke: var(--line); } .tick { fill: var(--soft); font-size: 12px; }
polyline { fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linejoin: round; }
circle { fill: currentColor; }
.c0 { color: var(--c0); } .c1 { color: var(--c1); } .c2 { color: var(--c2); }
.c3 { color: var(--c3); } .c4 { color: var(--c4); } .c5 { color: var(--c5); }
.bar { display: flex; height: 1.1rem; border-radius: .3rem; overflow: hidden; margin: .5rem 0; }
.bar span { background: currentColor; }
pre { margin: .25rem 0 .6rem; padding: .5rem .7rem; background: var(--ground); border: 1px solid var(--line);
  border-radius: .4rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere;
  font: .85rem/1.45 ui-monospace, monospace; unicode-bidi: plaintext; }
.rung { display: inline-block; margin: 0 .9rem .2rem 0; overflow-wrap: anywhere; }
"""


def render(summary: Summary) -> str:
    """The whole page."""
    body = [
        f"<h1>{_text(summary.recipe)} <span class='soft'>seed {summary.seed}</span></h1>",
        f"<p>{_text(summary.description)}</p>" if summary.description else "",
        f"<p class='soft'>{_text(summary.folder)}: {_text(narrative.state(summary))}</p>",
        *_section("What came out", _outcome(summary)),
        *_section("What was trained", _trained(summary)),
        *_section("How it went", _charts(summary.charts)),
        *_section("Where the time went", _costs(summary)),
        *_section("What the model writes", _samples(summary.samples)),
    ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            f"<title>{_text(summary.recipe)}: what it learned</title>",
            f"<style>{STYLE}</style></head><body>",
            *filter(None, body),
            "</body></html>\n",
        ]
    )


def _text(text: str) -> str:
    return escape(clean(text))


def _section(title: str, parts: Iterable[str]) -> Iterator[str]:
    found = list(parts)
    if found:
        yield f"<h2>{title}</h2>"
        yield from found


def _table(found: tables.Tabulated) -> str:

    def row(tag: str, cells: Sequence[str]) -> str:
        inner = "".join(
            f"<{tag}{' class=left' if place < found.left else ''}>{_text(cell)}</{tag}>"
            for place, cell in enumerate(cells)
        )
        return f"<tr>{inner}</tr>"

    return (
        f"<div class='wide'><table>{row('th', found.headings)}"
        f"{''.join(row('td', cells) for cells in found.rows)}</table></div>"
    )


def _outcome(summary: Summary) -> Iterator[str]:
    for index, remark in enumerate(narrative.remarks(summary)):
        lead = "lead " if index == 0 else ""
        yield f"<p class='{lead}{remark.tone}'>{_text(remark.text)}</p>"
    if summary.held_out:
        yield _table(tables.scores(summary.held_out))
        if summary.held_out.gains:
            yield _table(tables.gains(summary.held_out))
        yield f"<p class='soft'>{_text(narrative.explain(summary.held_out))}</p>"
        yield _table(tables.ladder(summary.held_out))
        if summary.held_out.figures:
            yield _table(tables.figures(summary.held_out))


def _trained(summary: Summary) -> Iterator[str]:
    yield f"<p>{_text(tables.model(summary))}</p>"
    if summary.tasks:
        yield _table(tables.task_sets(summary))
    if summary.versions:
        yield f"<p class='soft'>{_text(tables.versions(summary))}</p>"


def _charts(charts: Sequence[Chart]) -> Iterator[str]:
    if not charts:
        return
    yield "<div class='grid2'>"
    for chart in charts:
        keys = " &nbsp; ".join(
            f"<span class='c{place % SERIES}'>●</span> {_text(curve.name)} "
            f"{figure(chart.unit, first)} → {figure(chart.unit, last)}"
            for place, curve in enumerate(chart.curves)
            for first, last in [curve.ends]
        )
        yield f"<figure><h3>{_text(chart.title)}</h3>{line_chart(chart)}"
        yield f"<figcaption>{keys}<br>by optimiser step; {_text(chart.note)}</figcaption></figure>"
    yield "</div>"
    yield f"<p class='soft'>{narrative.ENDS}</p>"


def _costs(summary: Summary) -> Iterator[str]:
    yield _table(tables.stage_times(summary))
    if summary.grpo:
        yield _split(summary.grpo)
        for remark in narrative.health(summary.grpo):
            yield f"<p class='{remark.tone}'>{_text(remark.text)}</p>"


def _split(grpo: GrpoSummary) -> str:
    parts = tables.split(grpo)
    bars = "".join(
        f"<span class='c{place}' style='width:{100 * share:.2f}%'></span>"
        for place, (_, _, share) in enumerate(parts)
    )
    keys = " &nbsp; ".join(
        f"<span class='c{place}'>●</span> {name} {seconds(spent)} ({percent(share)})"
        for place, (name, spent, share) in enumerate(parts)
    )
    return f"<h3>GRPO's steps</h3><div class='bar'>{bars}</div><p class='soft'>{keys}</p>"


def _samples(samples: Sequence[Sample]) -> Iterator[str]:
    if samples:
        yield f"<p class='soft'>{narrative.PICKED}</p>"
    yield from map(_sample, samples)


def _sample(sample: Sample) -> str:
    parts = [f"<div class='card'><h3>{_text(tables.sample_title(sample))}</h3>"]
    shown = {"prompt": sample.prompt, "answer": sample.completion}
    if not sample.passed and sample.reference:
        shown["reference"] = sample.reference
    for name, text in shown.items():
        if text or name == "answer":
            whole = sanitize.cut(text, SAMPLE_ROWS, SAMPLE_CHARACTERS) or "(empty)"
            parts.append(f"<span class='soft'>{name}</span><pre>{escape(whole)}</pre>")
    tones = {"passed": "good", "skipped": "soft"}
    parts += [
        f"<span class='rung {tones.get(stage.status, 'bad')}'>{escape(tables.mark(stage))}</span>"
        for stage in sample.stages
    ]
    return "".join([*parts, "</div>"])
