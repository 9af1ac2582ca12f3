"""Results of a run in sentences, shared by the terminal and the HTML page."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Literal, NamedTuple

from verirl.reporting.formatting import count, interval, percent, plural, points, seconds, signed
from verirl.reporting.heldout import Gain, HeldOut
from verirl.reporting.summary import GrpoSummary, Summary
from verirl.reporting.tables import progress
from verirl.training import stages

ENDS = "First and last figures are means over a tenth of the curve."

PICKED = (
    "The best and the worst of the last ones written. An advantage says how hard training pushes an answer "
    "up (+) or down (−) against others to the same prompt."
)

Tone = Literal["good", "bad", "plain"]


class Remark(NamedTuple):
    """A sentence and its tone."""

    tone: Tone
    text: str


def state(summary: Summary) -> str:
    """Whether the run is finished, and how to continue it if it is not."""
    total = sum(stage.wall_seconds or 0.0 for stage in summary.stages)
    if summary.finished:
        return f"finished; {seconds(total)} in all"
    open_stage = next(stage for stage in summary.stages if stage.state != "done")
    where = f"stage {open_stage.name} {progress(open_stage)}"
    seen = f", last sign of life {summary.last_sign_of_life}" if summary.last_sign_of_life else ""
    return (
        f"not finished: {where}{seen}. If nothing runs it now, go on with: "
        f"verirl train --run {shlex.quote(summary.folder)} --resume"
    )


def remarks(summary: Summary) -> Iterator[Remark]:
    """The results in a sentence or two each, the conclusion first."""
    held_out = summary.held_out
    if held_out is None:
        yield Remark("plain", _not_scored(summary))
        return
    start, result = held_out.start, held_out.result or ""
    gain = held_out.gain(start, result)
    if gain:
        yield _verdict(held_out, gain)
        greedy = held_out.gain(start, result, "greedy")
        if greedy:
            yield Remark("plain", f"Greedy answers (the likeliest token each time): {_change(greedy)}.")
    if held_out.control and held_out.gain(start, held_out.control):
        yield _control(summary, held_out)
    if not held_out.gains:
        yield from (_alone(held_out, index) for index in range(len(held_out.scores)))
    lost = sum(score.errors for score in held_out.scores)
    if lost:
        drawn = sum(score.samples for score in held_out.scores)
        yield Remark("bad", f"{lost} of {drawn} held-out answers could not be judged and are left out.")
    for line in held_out.unmet:
        yield Remark("bad", f"Gate not met: {line}.")
    if held_out.gates and not held_out.unmet:
        yield Remark("good", f"The recipe's {plural(held_out.gates, 'gate')}: met.")


def _not_scored(summary: Summary) -> str:
    for chart in reversed(summary.charts):
        for curve in chart.curves:
            if curve.name in ("held-out", "SFT") and chart.unit == "share":
                last = curve.points[-1]
                return (
                    f"Not evaluated. The last look at held-out tasks, after step {last.step} "
                    f"({chart.title.split(':')[0]}): {percent(last.value)} pass."
                )
    return "Not evaluated yet: there is no held-out figure in this run."


def _verdict(held_out: HeldOut, gain: Gain) -> Remark:
    names, title = stages.titles(), stages.find(gain.after).title
    before, after = _value(held_out, gain.before, gain.k), _value(held_out, gain.after, gain.k)
    if gain.low > 0:
        tone, head, tail = (
            "good",
            f"{title} helped",
            "excludes 0: more than the luck of which tasks were held out",
        )
    elif gain.high < 0:
        tone, head, tail = (
            "bad",
            f"{title} hurt",
            "excludes 0: worse by more than the luck of the held-out tasks",
        )
    else:
        tone, head, tail = "plain", "No gain shown", "includes 0: the difference may be luck"
    return Remark(
        tone,  # type: ignore[arg-type]
        f"{head}: held-out pass@{gain.k} went from {percent(before)} ({names[gain.before]}) to "
        f"{percent(after)}, {signed(gain.gain)} points. The paired 95 % interval, {signed(gain.low)} to "
        f"{signed(gain.high)}, {tail}.",
    )


def _control(summary: Summary, held_out: HeldOut) -> Remark:
    control, result = held_out.control or "", held_out.result or ""
    title = stages.find(result).title if result else ""
    change = held_out.gain(held_out.start, control)
    against = held_out.gain(control, result)
    spent = summary.stage(control)
    clock = f" for {seconds(spent.step_seconds)}" if spent and spent.step_seconds else ""
    text = f"Control, SFT carried on{clock} in place of {title}: {_change(change)}." if change else ""
    if against is None:
        return Remark("plain", text)
    if not against.excludes_zero:
        return Remark("plain", f"{text} {title} is not told apart from it: {points(against)}.")
    side, tone = ("ahead of", "good") if against.gain > 0 else ("behind", "bad")
    return Remark(tone, f"{text} {title} is {side} it: {points(against)}.")  # type: ignore[arg-type]


def _change(gain: Gain) -> str:
    return f"{points(gain)}, an interval that {'excludes' if gain.excludes_zero else 'includes'} 0"


def _alone(held_out: HeldOut, index: int) -> Remark:
    score = held_out.scores[index]
    figures = ", ".join(f"pass@{k} {interval(share)}" for k, share in score.sampled.items())
    name = stages.titles().get(score.model, score.model)
    return Remark("plain", f"Held-out, {name}: {figures}; greedy {interval(score.greedy)}.")


def _value(held_out: HeldOut, model: str, k: int) -> float | None:
    score = next((score for score in held_out.scores if score.model == model), None)
    share = score.sampled.get(k) if score else None
    return share.value if share else None


def health(grpo: GrpoSummary) -> Iterator[Remark]:
    """Throughput, idle groups and errors of GRPO's completions."""
    speed = grpo.tokens_per_second
    yield Remark(
        "plain",
        f"{count(grpo.completions)} answers in {plural(grpo.groups, 'group')}"
        + (f", written at {count(speed)} tokens a second." if speed else "."),
    )
    idle = grpo.idle_groups / grpo.groups if grpo.groups else 0.0
    yield Remark(
        "plain",
        f"{percent(idle)} of the groups were idle: all answers worth the same, nothing to learn from.",
    )
    lost = grpo.errors / grpo.completions if grpo.completions else 0.0
    text = f"{percent(lost)} of the answers could not be judged: our failure, not theirs, and never rewarded."
    yield Remark("bad" if lost else "plain", text)


def explain(held_out: HeldOut) -> str:
    """How to read the held-out figures."""
    return (
        f"{plural(held_out.count, 'held-out task')}, {plural(held_out.samples, 'answer')} each at "
        f"temperature {held_out.temperature:g}. Brackets are 95 % intervals over tasks; this is one training "
        "seed, and they do not say how another would fare."
    )
