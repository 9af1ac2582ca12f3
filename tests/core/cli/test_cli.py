"""The command line as people and pipelines meet it: exit codes, one-line errors, clean standard output."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from verirl.cli import COMMANDS, run

TASK = {
    "id": "a",
    "domain": "math",
    "prompt": [{"role": "user", "content": "What is 1 + 1?"}],
    "spec": {"answer": "2"},
    "reference": r"\boxed{2}",
}
RECIPE = """\
name: tried
tasks:
  sums: {domain: math, n: 3}
sft:
  tasks: sums
  steps: 3
  optimizer:
    learning_rate: 0.1
"""


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No run folder and no cache of these tests ends up in the checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in [name for name in os.environ if name.startswith("VERIRL_")]:
        monkeypatch.delenv(name)


def tasks_file(*tasks: dict[str, object], name: str = "tasks.jsonl") -> str:
    Path(name).write_text("".join(json.dumps(task) + "\n" for task in tasks or (TASK,)), encoding="utf-8")
    return name


def recipe_file(text: str = RECIPE) -> str:
    Path("recipe.yaml").write_text(text, encoding="utf-8")
    return "recipe.yaml"


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    """The one line that a refused call says on standard error; nothing is on standard output."""
    assert run(list(arguments)) == code
    seen = capsys.readouterr()
    assert seen.out == ""
    assert seen.err.startswith("verirl: ")
    assert seen.err.count("\n") == 1
    return seen.err


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "verirl", *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )


class TestHelp:
    def test_lists_exactly_the_commands(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["--help"]) == 0
        section = capsys.readouterr().out.partition("Commands:\n")[2].partition("\n\n")[0]
        listed = [
            line.split()[0] for line in section.splitlines() if line.startswith("  ") and line[2] != " "
        ]
        assert listed == list(COMMANDS)

    @pytest.mark.parametrize("name", COMMANDS)
    def test_every_command_has_help_with_an_example(
        self, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert text.startswith(f"Usage: verirl {name} ")
        assert f"Example: verirl {name} " in text

    def test_no_command_shows_help_and_is_wrong_usage(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run([]) == 2
        assert "Commands:" in capsys.readouterr().err

    def test_version(self, capsys: pytest.CaptureFixture[str]) -> None:
        from verirl import __version__

        assert run(["--version"]) == 0
        assert capsys.readouterr().out == f"verirl {__version__}\n"


class TestUsage:
    def test_unknown_command_that_is_near_one(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "no command 'trian'; did you mean 'train'?" in refused(capsys, "trian")

    def test_unknown_command_that_is_near_none(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = refused(capsys, "xyzzy")
        assert all(name in line for name in COMMANDS)

    @pytest.mark.parametrize("name", COMMANDS)
    def test_unknown_option(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        line = refused(capsys, name, "--no-such-option")
        assert "--no-such-option" in line
        assert f"verirl {name} --help" in line

    def test_missing_argument(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "TASKS" in refused(capsys, "verify")

    def test_value_out_of_range(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "--workers" in refused(capsys, "verify", tasks_file(), "reference", "--workers", "0")

    def test_one_standard_output_is_not_promised_twice(self, capsys: pytest.CaptureFixture[str]) -> None:
        refused(capsys, "verify", tasks_file(), "reference", "--json", "-o", "-")
        refused(capsys, "synth", "math", "-n", "1", "--json")

    def test_one_standard_input_is_not_read_twice(self, capsys: pytest.CaptureFixture[str]) -> None:
        refused(capsys, "verify", "-", "-")


class TestRecipes:
    def test_unknown_key(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = refused(capsys, "train", recipe_file(RECIPE.replace("  steps: 3", "  steps: 3\n  bach: 8")))
        assert line == "verirl: recipe.yaml:7: field 'sft.bach': unknown key; did you mean 'batch'?\n"

    def test_misspelt_key_that_must_be_there(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = refused(capsys, "train", recipe_file(RECIPE.replace("  steps: 3", "  stpes: 3")))
        assert line == "verirl: recipe.yaml:6: field 'sft.stpes': unknown key; did you mean 'steps'?\n"

    def test_unknown_key_near_none_lists_those_known(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = refused(capsys, "train", recipe_file(RECIPE + "xyzzy: 1\n"))
        assert "recipe.yaml:9: field 'xyzzy': unknown key" in line
        assert "grpo" in line

    def test_syntax(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = refused(capsys, "train", recipe_file("name: tried\ntasks: [1\nsft:\n"))
        assert line.startswith("verirl: recipe.yaml:3: not valid YAML")

    def test_a_key_written_twice(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = refused(capsys, "train", recipe_file(RECIPE + "name: again\n"))
        assert "recipe.yaml:9" in line
        assert "'name' appears twice" in line

    def test_no_mapping(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "recipe.yaml: a recipe is a mapping" in refused(capsys, "train", recipe_file("- 1\n"))

    def test_wrong_type(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = refused(capsys, "train", recipe_file(RECIPE.replace("steps: 3", "steps: many")))
        assert line.startswith("verirl: recipe.yaml:6: field 'sft.steps': ")
        assert "integer" in line

    def test_out_of_range(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = refused(capsys, "train", recipe_file(RECIPE.replace("learning_rate: 0.1", "learning_rate: 0")))
        assert line.startswith("verirl: recipe.yaml:8: field 'sft.optimizer.learning_rate': ")

    def test_missing_key(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = refused(capsys, "train", recipe_file(RECIPE.replace("  steps: 3\n", "")))
        assert line == "verirl: recipe.yaml:4: field 'sft.steps': missing\n"

    def test_a_task_set_that_is_not_there(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = refused(capsys, "train", recipe_file(RECIPE.replace("tasks: sums", "tasks: products")))
        assert "sft.tasks names 'products', and 'tasks' has sums" in line

    def test_a_task_set_without_a_source(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = refused(capsys, "train", recipe_file(RECIPE.replace("{domain: math, n: 3}", "{n: 3}")))
        assert line.startswith("verirl: recipe.yaml:3: field 'tasks.sums': give either 'domain'")

    @pytest.mark.parametrize(
        "override", ["sft.steps", "=3", "sft.steps.more=3", "sft.steps=[", "sft.stesp=3"]
    )
    def test_bad_override(self, override: str, capsys: pytest.CaptureFixture[str]) -> None:
        line = refused(capsys, "train", recipe_file(), "--set", override)
        assert override.partition("=")[0] in line

    def test_overrides_reach_the_resolved_recipe(self, capsys: pytest.CaptureFixture[str]) -> None:
        import yaml

        arguments = ["train", recipe_file(), "--show", "--set", "sft.steps=7", "--set", "model.lora.rank=4"]
        assert run(arguments) == 0
        shown = yaml.safe_load(capsys.readouterr().out)
        assert shown["sft"]["steps"] == 7
        assert shown["model"]["lora"]["rank"] == 4
        assert shown["sft"]["batch"] == 32

    def test_what_show_prints_is_a_recipe(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["train", "quickstart", "--show"]) == 0
        first = capsys.readouterr().out
        assert run(["train", recipe_file(first), "--show"]) == 0
        assert capsys.readouterr().out == first

    def test_unknown_recipe(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "did you mean 'quickstart'?" in refused(capsys, "train", "quickstrat")
        assert "quickstart" in refused(capsys, "train", "no/such/file.yaml")

    def test_list(self, capsys: pytest.CaptureFixture[str]) -> None:
        from verirl.training.recipe import built_in

        assert run(["train", "--list"]) == 0
        listed = capsys.readouterr().out
        assert built_in()
        assert all(name in listed for name in built_in())

    @pytest.mark.parametrize("name", ["quickstart"])
    def test_built_in_recipes_are_listed_and_sound(
        self, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["train", "--list", "--json"]) == 0
        listed = json.loads(capsys.readouterr().out)
        assert listed[name]
        for known in listed:
            assert run(["train", known, "--show"]) == 0

    @pytest.mark.parametrize(
        ("key", "package"), [("trackers=[wandb]", "wandb"), ("grpo.sampler=vllm", "vllm")]
    )
    def test_a_missing_package_is_named_before_anything_is_begun(
        self, key: str, package: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, package, None)
        text = RECIPE + "grpo: {tasks: sums, steps: 1, optimizer: {learning_rate: 0.1}}\n"
        line = refused(capsys, "train", recipe_file(text), "--set", key, code=4)
        assert line.endswith(f"is missing; install it with: pip install 'verirl[{package}]'\n")
        assert not Path("runs/tried/recipe.yaml").exists()

    def test_a_gain_without_what_gains(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = refused(capsys, "train", recipe_file(RECIPE + "eval: {tasks: sums, min_gain: 0.1}\n"))
        assert "eval.min_gain is a gate on what GRPO gains" in line

    def test_resume_without_a_run(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "holds no run to resume" in refused(capsys, "train", "--run", "nowhere", "--resume")

    def test_nothing_to_train(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "--list" in refused(capsys, "train")


class TestLines:
    def test_missing_file(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert refused(capsys, "verify", "no.jsonl", "reference").startswith("verirl: no.jsonl: ")
        assert refused(capsys, "verify", tasks_file(), "no.jsonl").startswith("verirl: no.jsonl: ")

    def test_broken_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("tasks.jsonl").write_text(json.dumps(TASK) + "\n{\n", encoding="utf-8")
        line = refused(capsys, "verify", "tasks.jsonl", "reference")
        assert line.startswith("verirl: tasks.jsonl:2: not valid JSON")

    def test_a_file_without_an_end(self) -> None:
        command = f"ulimit -v 4000000; exec {sys.executable} -m verirl verify /dev/zero reference"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert re.fullmatch(r"verirl: /dev/zero:1: longer than \d+ characters\n", done.stderr)

    @pytest.mark.parametrize("text", ["[1]", "3", '"a"', "null"])
    def test_no_object(self, text: str, capsys: pytest.CaptureFixture[str]) -> None:
        Path("tasks.jsonl").write_text(text, encoding="utf-8")
        line = refused(capsys, "verify", "tasks.jsonl", "reference")
        assert line.startswith("verirl: tasks.jsonl:1: expected a JSON object")

    @pytest.mark.parametrize("field", ["id", "domain", "prompt", "spec"])
    def test_missing_field(self, field: str, capsys: pytest.CaptureFixture[str]) -> None:
        name = tasks_file({**TASK, "id": "b"}, {key: value for key, value in TASK.items() if key != field})
        line = refused(capsys, "verify", name, "reference")
        assert line == f"verirl: tasks.jsonl:2: field '{field}': missing\n"

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"difficulty": 2}, "difficulty"),
            ({"split": "test"}, "split"),
            ({"answer": "2"}, "answer"),
            ({"domain": "meth"}, "domain"),
            ({"spec": {}}, "spec.answer"),
            ({"spec": {"answer": "2", "answer_type": "colour"}}, "spec.answer_type"),
            ({"prompt": [{"role": "teacher", "content": "?"}]}, "prompt.0.role"),
        ],
    )
    def test_wrong_field(
        self, change: dict[str, object], field: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        line = refused(capsys, "verify", tasks_file(TASK, {**TASK, "id": "b", **change}), "reference")
        assert line.startswith(f"verirl: tasks.jsonl:2: field '{field}': ")

    def test_two_tasks_with_one_id(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = refused(capsys, "verify", tasks_file(TASK, TASK), "reference")
        assert line == "verirl: tasks.jsonl:2: field 'id': 'a' is already at tasks.jsonl:1\n"

    def test_answer_to_no_task(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("answers.jsonl").write_text('{"task_id": "z", "completion": "2"}\n', encoding="utf-8")
        line = refused(capsys, "verify", tasks_file(), "answers.jsonl")
        assert line.startswith("verirl: answers.jsonl:1: field 'task_id': ")

    def test_text_of_a_file_does_not_reach_the_terminal_as_a_command(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        answer = {"task_id": "z\x1b[2J\x9b\u202e\r", "completion": "2"}
        Path("answers.jsonl").write_text(json.dumps(answer) + "\n", encoding="utf-8")
        line = refused(capsys, "verify", tasks_file(), "answers.jsonl")
        assert line.rstrip("\n").isprintable()

    def test_bytes_that_are_no_text(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("tasks.jsonl").write_bytes(b"\xff\xfe\x00")
        assert "tasks.jsonl: is not a UTF-8 JSONL file" in refused(
            capsys, "verify", "tasks.jsonl", "reference"
        )

    def test_shipped_set_that_is_not_there(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "math-mini" in refused(capsys, "verify", "verirl:nothing", "reference")


class TestOutput:
    """Real processes: what goes to which stream, and what a full disk or a closed pipe does."""

    def test_json_is_all_that_standard_output_holds(self) -> None:
        done = process("verify", tasks_file(), "reference", "--json", "--workers", "1")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["passed"] == 1
        assert "all answers" in done.stderr

    def test_quiet_says_nothing_where_all_is_well(self) -> None:
        done = process("verify", tasks_file(), "reference", "--quiet", "--workers", "1")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_options_come_from_the_environment_too(self) -> None:
        Path("answers.jsonl").write_text(r'{"task_id": "a", "completion": "\\boxed{3}"}', encoding="utf-8")
        arguments = ("verify", tasks_file(), "answers.jsonl", "--workers", "1")
        assert process(*arguments).returncode == 0
        strict = process(*arguments, VERIRL_VERIFY_STRICT="1", VERIRL_VERIFY_JSON="1")
        assert strict.returncode == 3
        assert json.loads(strict.stdout)["failed"] == 1
        assert "0 of 1 answers passed" in strict.stderr

    @pytest.mark.parametrize(
        ("name", "value", "where"),
        [
            ("VERIRL_EVAL_MAX_NEW_TOKENS", "0", "--max-new-tokens"),
            ("VERIRL_EVAL_K", "1 0", "-k"),
            ("VERIRL_EVAL_MIN", "pass@x>1", "pass@x>1"),
            ("VERIRL_EVAL_REWARD", "xyzzy", "xyzzy"),
        ],
    )
    def test_variables_are_named_as_options_are(
        self,
        name: str,
        value: str,
        where: str,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv(name, value)
        assert where in refused(capsys, "eval", "reference", tasks_file())

    def test_variables_of_a_command_in_a_group(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("VERIRL_AUDIT_REWARDS_SCHEME", "xyzzy")
        assert "xyzzy" in refused(capsys, "audit", "rewards")

    def test_bad_value_in_the_environment(self) -> None:
        done = process("verify", tasks_file(), "reference", VERIRL_VERIFY_WORKERS="many")
        assert done.returncode == 2
        assert "many" in done.stderr

    def test_tasks_through_a_pipe(self) -> None:
        code = "import sys; from verirl.cli import main; main(sys.argv[1:])"
        done = subprocess.run(
            [sys.executable, "-c", code, "verify", "-", "reference", "-o", "-", "--quiet", "--workers", "1"],
            input=json.dumps(TASK),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["passed"] is True

    @pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="no /dev/full here")
    def test_a_full_disk(self) -> None:
        for arguments in (("train", "--list"), ("train", "quickstart", "--show"), ("--help",)):
            with Path("/dev/full").open("w") as full:
                done = subprocess.run(
                    [sys.executable, "-m", "verirl", *arguments],
                    stdout=full,
                    stderr=subprocess.PIPE,
                    text=True,
                    check=False,
                )
            assert done.returncode == 1
            assert "No space left on device" in done.stderr
            assert "Traceback" not in done.stderr

    def test_a_reader_that_goes_away(self) -> None:
        reader = subprocess.Popen([sys.executable, "-c", "pass"], stdin=subprocess.PIPE)
        assert reader.stdin is not None
        reader.wait()
        done = subprocess.run(
            [sys.executable, "-m", "verirl", "train", "quickstart", "--show"],
            stdout=reader.stdin,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr == ""

    @pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
    def test_an_interrupt(self, how: signal.Signals) -> None:
        os.mkfifo("tasks.jsonl")
        command = [sys.executable, "-m", "verirl", "verify", "tasks.jsonl", "reference"]
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Where SIGINT is ignored, as in a shell's background job, it would be in the child as well.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        # Opening the pipe waits for its reader: from then on the command is at work.
        with process, Path("tasks.jsonl").open("w", encoding="utf-8"):
            process.send_signal(how)
            out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err.strip()) == (130, "", "verirl: interrupted")

    def test_a_folder_where_a_file_should_be_written(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("folder").mkdir()
        for name in ("folder", "tasks.jsonl/x"):
            tasks_file()
            code = run(["verify", "tasks.jsonl", "reference", "-q", "--workers", "1", "-o", name])
            seen = capsys.readouterr()
            assert code in (1, 2)
            assert seen.err.startswith(f"verirl: {name}: ")
            assert seen.err.count("\n") == 1

    def test_what_is_no_file_is_written_to_and_not_replaced(self) -> None:
        from verirl.io.atomic import write_atomically

        os.mkfifo("pipe")
        reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
        try:
            write_atomically(Path("pipe"), lambda stream: stream.write("hello") and None)
            assert os.read(reader, 100) == b"hello"
        finally:
            os.close(reader)
        assert Path("pipe").is_fifo()

    def test_a_link_is_followed(self) -> None:
        from verirl.io.atomic import write_atomically

        Path("latest").symlink_to("real")
        for text in ("one", "two"):
            write_atomically(Path("latest"), lambda stream, text=text: stream.write(text) and None)
            assert Path("latest").is_symlink()
            assert Path("real").read_text(encoding="utf-8") == text


class TestPlaces:
    @pytest.mark.parametrize(
        "call",
        [
            ("verify", "tasks.jsonl", "reference", "-o", "tasks.jsonl"),
            ("verify", "tasks.jsonl", "reference", "-o", "./../here/tasks.jsonl"),
            ("eval", "reference", "tasks.jsonl", "-o", "tasks.jsonl"),
            ("eval", "replay:tasks.jsonl", "verirl:math-mini", "--junit", "tasks.jsonl"),
        ],
    )
    def test_an_input_is_never_written_over(
        self, call: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        before = Path(tasks_file()).read_bytes()
        assert "is an input" in refused(capsys, *call)
        assert Path("tasks.jsonl").read_bytes() == before

    def test_two_outputs_are_two_files(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = refused(capsys, "eval", "reference", tasks_file(), "-o", "x.json", "--junit", "x.json")
        assert "x.json: is named for two outputs" in line

    def test_an_output_that_is_a_folder_is_bad_input(self, capsys: pytest.CaptureFixture[str]) -> None:
        Path("folder").mkdir()
        assert "folder: is a folder" in refused(capsys, "verify", tasks_file(), "reference", "-o", "folder")

    def test_a_byte_order_mark_is_no_part_of_the_first_task(self) -> None:
        Path(tasks_file()).write_text(json.dumps(TASK) + "\n", encoding="utf-8-sig")
        assert run(["verify", "tasks.jsonl", "reference", "-q", "--strict"]) == 0

    def test_a_closed_standard_input_is_bad_input(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdin", None)
        assert "standard input is closed" in refused(capsys, "verify", "-", "reference")


def test_training_asks_for_the_sandbox_before_anything_is_begun() -> None:
    done = process("train", recipe_file(), "--run", "run", PATH="/nowhere")
    assert (done.returncode, done.stdout) == (4, "")
    assert "bubblewrap" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not Path("run/recipe.yaml").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["eval", "reference", "verirl:math-mini", "--temperature", "nan"],
        ["eval", "reference", "verirl:math-mini", "--deadline", "inf"],
        ["verify", "verirl:math-mini", "reference", "--deadline", "nan"],
        ["compare", "a.json", "b.json", "--min-gain", "nan"],
    ],
)
def test_a_number_that_is_none_is_refused(arguments, capsys):
    assert run(arguments) == 2
    assert "is not a finite number" in capsys.readouterr().err


def test_a_recipe_that_is_nested_without_end_is_one_line(tmp_path, capsys):
    path = tmp_path / "deep.yaml"
    path.write_text("[" * 5000)
    assert run(["train", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
