"""The report of a run: true to the folder, whole on whatever a kill left, safe whatever a model wrote."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.reports import (
    BETTER,
    RECIPE,
    SAME,
    START,
    Page,
    chart,
    flat,
    held_out,
    log_generation,
    plain,
    verdict,
    whole_run,
    write_eval,
    write_rollouts,
)

from verirl.errors import InputError
from verirl.reporting import page, sanitize, summary
from verirl.runs import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return whole_run(tmp_path / "run")


# --- what is said --------------------------------------------------------------------------------------


def test_the_verdict_comes_first_with_its_gain_in_points_and_its_interval(folder):
    text = plain(summary.read(folder))
    row = json.loads(folder.evaluation("comparisons").read_text())[0]
    assert row["gain"] == 0.75
    section = text.split("What came out\n")[1]
    assert section.lstrip().startswith("GRPO helped: held-out pass@1 went from 12.5 % (after SFT)")
    assert f"to 87.5 %, +75.0 points. The paired 95 % interval, +{100 * row['low']:.1f}" in flat(text)
    assert "excludes 0" in flat(section)[:320]


def test_a_loss_and_a_difference_that_may_be_luck_are_said_as_plainly(folder):
    write_eval(folder, {"sft": BETTER, "grpo": START, "control": BETTER})
    assert "GRPO hurt: held-out pass@1 went from 87.5 % (after SFT) to 12.5 %, −75.0 points" in flat(
        plain(summary.read(folder))
    )
    write_eval(folder, {"sft": START, "grpo": SAME, "control": BETTER})
    text = flat(plain(summary.read(folder)))
    assert "No gain shown" in text
    assert "includes 0: the difference may be luck" in text
    assert "GRPO is behind it: −75.0 points" in text


def test_the_control_is_shown_with_the_seconds_it_took(folder):
    text = flat(plain(summary.read(folder)))
    assert "Control, SFT carried on for 6.0 s in place of GRPO: ±0.0 points" in text
    assert "GRPO is ahead of it: +75.0 points" in text


def test_greedy_stands_beside_sampled(folder):
    found = summary.read(folder).held_out
    assert found is not None
    assert [score.greedy.value for score in found.scores] == [0.125, 0.875, 0.125]
    assert "Greedy answers" in plain(summary.read(folder))


def test_gates_that_were_not_met_are_named(folder):
    assert "The recipe's 1 gate: met." in plain(summary.read(folder))
    folder.log("stage_done", stage="eval", wall_seconds=2.0, unmet=["pass@1>=0.1: 0.05"])
    text = plain(summary.read(folder))
    assert "Gate not met: pass@1>=0.1: 0.05" in text
    assert "gate: met" not in text


def test_tasks_with_their_uses_sizes_and_kill_rates(folder):
    by_name = {found.name: found for found in summary.read(folder).tasks}
    assert by_name["prompts"].uses == ("SFT", "GRPO")
    assert (by_name["prompts"].count, by_name["prompts"].kill_rate) == (3, 0.75)
    assert by_name["held_out"].uses == ("held-out curve", "evaluation")
    assert by_name["held_out"].kill_rate is None
    text = plain(summary.read(folder))
    assert "75.0 %" in text
    assert "not measured" in text
    assert "model tiny:xs, 123 k parameters" in text
    assert "code 1.2" in text


def test_time_is_split_and_nothing_of_it_is_lost(folder):
    found = summary.read(folder)
    spent = found.grpo
    assert spent is not None
    assert (spent.generation, spent.verification, spent.update) == (1.5, 0.75, 3.75)
    assert spent.tokens_per_second == 80.0
    assert {stage.name: stage.wall_seconds for stage in found.stages} == {
        "synth": 1.5,
        "sft": 3.0,
        "grpo": 7.0,
        "control": 6.5,
        "eval": 2.0,
    }
    text = flat(plain(found))
    assert "25.0 % of the groups were idle" in text
    assert "finished; 20 s in all" in text


def test_errors_are_counted_and_shown_and_never_weigh(folder):
    log_generation(folder, 2, errors=4, passed=2)
    write_rollouts(folder, 2, {"p": "PE", "q": "EE", "r": "FF"})
    found = summary.read(folder)
    assert chart(found, "GRPO: pass share")["training prompts"][-1] == (2, 0.5)
    assert chart(found, "GRPO: stages passed")["tests"][-1] == (2, pytest.approx(1 / 3))
    assert [sample.pick for sample in found.samples].count("error") == 1
    text = flat(plain(found))
    assert "16.7 % of the answers could not be judged" in text
    assert "! tests (error): why error" in text


def test_the_held_out_curve_of_grpo_starts_where_sft_ended(folder):
    found = summary.read(folder)
    assert chart(found, "GRPO: pass share")["held-out"] == [(0, 0.4), (1, 0.5), (2, 0.5), (3, 0.5)]
    other = json.loads(json.dumps(RECIPE))
    other["grpo"]["periodic_eval"]["first"] = 5
    folder.write_text("recipe.yaml", yaml.safe_dump(other))
    assert chart(summary.read(folder), "GRPO: pass share")["held-out"][0] == (1, 0.5)


def test_a_stage_not_reached_is_not_passed_and_a_skipped_one_does_not_count(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_text("recipe.yaml", yaml.safe_dump(RECIPE))
    write_rollouts(folder, 0, {"p": "CC"})
    write_rollouts(folder, 1, {"p": "PPSC"})
    shares = chart(summary.read(folder), "GRPO: stages passed")
    assert shares == {"compile": [(0, 0.0), (1, pytest.approx(2 / 3))], "tests": [(0, 0.0), (1, 0.75)]}


# --- samples -------------------------------------------------------------------------------------------


def test_samples_are_the_best_and_the_worst_of_different_tasks(folder):
    write_rollouts(folder, 2, {"p": "PP", "q": "CF", "r": "FC"}, text="newest")
    found = summary.read(folder).samples
    best = [sample for sample in found if sample.pick == "best"]
    worst = [sample for sample in found if sample.pick == "worst"]
    assert [sample.reward for sample in best] == [1.0, 0.4]
    assert [sample.reward for sample in worst] == [0.0, 0.0]
    assert len({sample.task_id for sample in worst}) == 2
    assert worst[0].prompt in ("write q", "write r")
    text = plain(summary.read(folder))
    assert "✗ compile: why failed" in text
    assert "reference  the right" in text


def test_each_domain_has_its_own_curves_and_samples(folder):
    write_rollouts(folder, 2, {"x": "CCP"}, domain="rtl", more=True)
    found = summary.read(folder)
    assert chart(found, "GRPO: stages passed, rtl")["compile"] == [(2, pytest.approx(1 / 3))]
    assert chart(found, "GRPO: stages passed, code")["compile"][-1] == (2, pytest.approx(5 / 6))
    assert [(sample.domain, sample.pick) for sample in found.samples] == [
        ("code", "best"),
        ("code", "worst"),
        ("rtl", "best"),
        ("rtl", "worst"),
    ]


HOSTILE = (
    "[red]not markup[/red] [/] \x1b[31mred\x1b]0;title\x07 \x00 \x08\x08 \r\nnext \u202egnp.exe \u2066 \x9b2J"
    " "
    "</pre></div><script>alert(1)</script><img src=http://evil.example/x onerror=alert(1)> & \" ' \ud800 "
    "\u2028 \u200b \ufeff end"
)


def _hostile(folder: RunFolder) -> None:
    write_rollouts(folder, 2, {HOSTILE: "PFC"}, text=HOSTILE)
    path = folder.rollouts(2)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        for stage in row["verdict"]["stages"]:
            stage["detail"] = HOSTILE
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    folder.write_text("recipe.yaml", yaml.safe_dump(RECIPE | {"description": HOSTILE.replace("\ud800", "")}))


def test_what_a_model_wrote_cannot_move_the_cursor_or_be_markup(folder):
    _hostile(folder)
    text = plain(summary.read(folder))
    assert "[red]not markup[/red] [/]" in text
    assert "\\x1b[31mred" in text
    bad = {c for c in text if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert bad == set()


def test_what_a_model_wrote_is_only_text_in_the_page(folder):
    _hostile(folder)
    found = Page(page.render(summary.read(folder)))
    assert "script" not in found.tags
    assert "img" not in found.tags
    assert not [name for name, _ in found.attributes if name.startswith("on") or name in ("src", "href")]
    assert "<script>alert(1)</script>" in "".join(found.words)


def test_json_holds_what_a_model_wrote_and_is_strict(folder):
    _hostile(folder)
    text = json.dumps(summary.read(folder).to_data(), ensure_ascii=False, allow_nan=False)
    assert "[red]not markup[/red]" in text
    text.encode()


def test_a_long_answer_is_cut_in_its_middle():
    text = "\n".join(f"line {place}" for place in range(1000))
    shown = sanitize.cut(text, 10, 10_000)
    assert shown.startswith("line 0\n")
    assert shown.endswith("line 999")
    assert "990 lines left out" in shown
    assert len(sanitize.cut("x" * 10**6, 10, 500)) < 600


@settings(deadline=None)
@given(st.text(st.characters()), st.integers(2, 20), st.integers(10, 200))
def test_cut_text_is_short_and_clean(text, rows, characters):
    shown = sanitize.cut(text, rows, characters)
    assert len(shown.split("\n")) <= rows + 1
    assert not [c for c in shown if c != "\n" and not c.isprintable()]


# --- unfinished and broken runs ------------------------------------------------------------------------


def test_later_records_of_a_step_count_after_a_resume(folder):
    folder.log("resumed")
    log_generation(folder, 1, passed=8, tokens=100)
    folder.log("watch", stage="grpo", step=2, passed=0.9, tasks=10)
    folder.log("step", stage="sft", step=2, loss=9.0, seconds=0.5)
    found = summary.read(folder)
    assert chart(found, "GRPO: pass share")["training prompts"][1] == (1, 1.0)
    assert chart(found, "GRPO: pass share")["held-out"][2] == (2, 0.9)
    assert chart(found, "SFT: loss")["SFT"][1] == (2, 9.0)
    assert found.grpo is not None
    # The third generation came before the stop, from weights that the resumed run does not have.
    assert (found.grpo.completions, found.grpo.tokens) == (16, 140)


def test_a_run_that_was_killed_says_where_it_stands_and_how_to_go_on(tmp_path):
    folder = RunFolder(tmp_path / "my run")
    folder.path.mkdir()
    folder.write_text("recipe.yaml", yaml.safe_dump(RECIPE))
    folder.log("stage_begun", stage="synth")
    folder.log("stage_done", stage="synth", wall_seconds=1.0)
    folder.log("stage_begun", stage="sft")
    folder.log("step", stage="sft", step=1, loss=float("nan"), seconds=0.5)
    folder.log("step", stage="sft", step=2, loss=3.0, seconds=0.5)
    with (folder.path / "journal.jsonl").open("a") as stream:
        stream.write('{"event": "step", "stage": "sft", "st')
    found = summary.read(folder)
    assert not found.finished
    assert chart(found, "SFT: loss") == {"SFT": [(2, 3.0)]}
    text = flat(plain(found))
    assert "not finished: stage sft at step 2 of 4" in text
    assert f"verirl train --run '{folder.path}' --resume" in text
    assert "grpo not begun" in text
    assert "Not evaluated" in text


def test_wall_time_counts_every_sitting(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_text("recipe.yaml", yaml.safe_dump(RECIPE))
    moments = [
        ("stage_begun", "00", {"stage": "sft"}),
        ("step", "10", {"stage": "sft", "step": 1, "seconds": 9.0}),
        ("resumed", "30", {}),
        ("stage_begun", "31", {"stage": "sft"}),
        ("step", "36", {"stage": "sft", "step": 2, "seconds": 5.0}),
    ]
    lines = [
        json.dumps({"event": event, "at": f"2026-01-01T00:00:{second}+00:00", **fields})
        for event, second, fields in moments
    ]
    folder.write_text("journal.jsonl", "\n".join(lines))
    sft = summary.read(folder).stage("sft")
    assert sft is not None
    assert (sft.state, sft.wall_seconds, sft.steps) == ("unfinished", 15.0, 2)


def test_an_evaluation_alone_is_a_report(tmp_path):
    recipe = {"name": "only", "tasks": {"held_out": {"file": "x"}}, "eval": {"tasks": "held_out"}}
    folder = RunFolder(tmp_path)
    folder.write_text("recipe.yaml", yaml.safe_dump(recipe))
    folder.write_tasks("held_out", held_out())
    write_eval(folder, {"base": START})
    answers = [{"task_id": name, "sample": 0, "completion": f"answer {name}"} for name in START]
    folder.write_text("eval/base.answers.jsonl", "\n".join(map(json.dumps, answers)))
    verdicts = [verdict(name, 0, "PFCC"[place]) for place, name in enumerate(START)]
    folder.write_text("eval/base.verdicts.jsonl", "\n".join(found.to_json() for found in verdicts))
    found = summary.read(folder)
    assert [sample.completion for sample in found.samples][:2] == ["answer a", "answer b"]
    assert "Held-out, the start: pass@1 12.5 %" in flat(plain(found))
    assert found.charts == ()


def test_keys_of_other_versions_of_the_recipe_do_not_matter(folder):
    other = json.loads(json.dumps(RECIPE))
    other["grpo"]["a_key_of_tomorrow"] = {"x": 1}
    other["later"] = 3
    folder.write_text("recipe.yaml", yaml.safe_dump(other))
    assert summary.read(folder).finished


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_whatever_a_kill_left_is_a_report(data, tmp_path_factory):
    folder = whole_run(tmp_path_factory.mktemp("killed") / "run")
    written = [
        path for path in sorted(folder.path.rglob("*")) if path.is_file() and path.name != "recipe.yaml"
    ]
    for path in data.draw(st.lists(st.sampled_from(written), unique=True)):
        path.unlink()
    journal = folder.path / "journal.jsonl"
    if journal.is_file():
        whole = journal.read_bytes()
        journal.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    for rollouts in folder.rollout_files():
        whole = rollouts.read_bytes()
        rollouts.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    found = summary.read(folder)
    assert "Run of sample" in plain(found)
    Page(page.render(found))
    json.dumps(found.to_data(), allow_nan=False)


@pytest.mark.parametrize(
    "event",
    [
        {"event": "step"},
        {"event": "step", "stage": "sft", "step": "two", "loss": [], "seconds": None},
        {"event": "generation", "stage": "grpo", "generation": 0, "step": None, "seconds": 3},
        {"event": "generation", "stage": "grpo", "generation": 9, "step": 9, "completions": 0, "passed": "x"},
        {"event": "watch", "stage": "grpo", "step": 1, "passed": None},
        {"event": "stage_begun", "stage": "sft", "at": "yesterday"},
        {"event": "stage_begun", "stage": "sft", "at": "2026-01-01T00:00:00"},
        {"event": "stage_done"},
        {"event": ["step"], "stage": {}},
        {"event": "step", "stage": "sft", "step": 3, "loss": 1e400, "seconds": 10**400},
    ],
)
def test_an_odd_event_is_passed_over(folder, event):
    with (folder.path / "journal.jsonl").open("a") as stream:
        stream.write(json.dumps(event) + "\n")
    found = summary.read(folder)
    assert "GRPO helped" in plain(found)
    Page(page.render(found))


@pytest.mark.parametrize(
    "text", ["{", "{}x", '[{"from": "sft"}]', "[3]", '[{"from": 1, "to": 2, "gain": "x"}]']
)
def test_broken_comparisons_are_named(folder, text):
    folder.write_text("eval/comparisons.json", text)
    with pytest.raises(InputError, match=r"comparisons\.json: is no list"):
        summary.read(folder)


def test_a_broken_evaluation_is_named(folder):
    folder.evaluation("grpo").write_text('{"format": 1')
    with pytest.raises(InputError, match=r"grpo\.json"):
        summary.read(folder)


def test_the_medians_of_what_passed_stand_beside_each_other(tmp_path):
    folder = whole_run(tmp_path / "run")
    for model, spot in (("sft", 31.25), ("grpo", 12.5)):
        path = folder.evaluation(model)
        document = json.loads(path.read_text())
        document["measured"] = [{"domain": "optics", "name": "rms_spot_um", "passed": 3, "median": spot}]
        path.write_text(json.dumps(document))
    found = summary.read(folder)
    assert [
        (figure.name, figure.median["sft"], figure.median["grpo"]) for figure in found.held_out.figures
    ] == [("rms_spot_um", 31.25, 12.5)]
    [line] = [line for line in plain(found).splitlines() if "rms_spot_um" in line]
    assert line.split()[1:3] == ["31.25", "12.5"]
