"""The documentation says what is: commands, options, recipe keys, links, examples."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from support.paths import ROOT
from support.toy_domain import on_path

from verirl import registry
from verirl.cli import cli, run
from verirl.pool import Request, VerifierPool
from verirl.types import Completion, Status, Task, Verdict

DOCS = ROOT / "docs"
COMMANDS = cli.list_commands(click.Context(cli))
SHARED = {"--liberty", "--json", "--quiet", "-q", "--workers", "-w", "--unsafe-no-sandbox", "--help", "-h"}


def sections(page: str, level: str = "##") -> dict[str, str]:
    """Heading → text below it, for the headings of one level."""
    parts = re.split(rf"^{level} (.+)$", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def options(command: click.Command) -> set[str]:
    found = {
        name
        for option in command.params
        if isinstance(option, click.Option)
        for name in (*option.opts, *option.secondary_opts)
    }
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            found |= options(inner)
    return found


def command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


def test_every_command_is_documented_and_every_documented_one_exists() -> None:
    documented = [
        name.removeprefix("verirl ") for name in sections("reference/cli.md") if name.startswith("verirl ")
    ]
    assert documented == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented_and_every_documented_one_exists(name: str) -> None:
    text = sections("reference/cli.md")[f"verirl {name}"]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `-")]
    listed = {word for row in rows for word in re.findall(r"`(-[\w-]+)`", row)}
    # A pair such as --mutants/--no-mutants has one row, which names the other in its meaning.
    mentioned = set(re.findall(r"`(-[\w-]+)`", text))
    assert listed <= options(command(name))
    assert options(command(name)) - SHARED <= mentioned


def test_shared_options_are_options() -> None:
    listed = set(re.findall(r"`(-[\w-]+)`", sections("reference/cli.md")["Options that many commands share"]))
    everywhere = set().union(*(options(command(name)) for name in COMMANDS))
    assert listed >= SHARED
    assert SHARED - {"--help", "-h"} <= everywhere


@pytest.mark.parametrize(
    ("heading", "kind"), [("A task", Task), ("A completion", Completion), ("A verdict", Verdict)]
)
def test_every_field_of_the_contract_is_documented(heading: str, kind: Any) -> None:
    text = sections("reference/cli.md")[heading]
    words = set(re.findall(r"[`\"](\w+)[`\"]", text))
    assert set(kind.model_fields) <= words


def test_examples_of_the_contract_are_read() -> None:
    text = (DOCS / "reference/cli.md").read_text(encoding="utf-8")
    task, completion = (json.loads(block) for block in re.findall(r"```json\n(.+?)```", text, re.DOTALL))
    assert Completion.model_validate(completion).task_id == Task.model_validate(task).id
    for status in Status:
        assert f"`{status}`" in text


def test_exit_codes_are_those_of_the_errors() -> None:
    from verirl import errors

    codes = {kind.exit_code for kind in vars(errors).values() if hasattr(kind, "exit_code")}
    listed = {
        int(code)
        for code in re.findall(r"^\| (\d+) \|", sections("reference/cli.md")["Exit codes"], re.MULTILINE)
    }
    assert listed == codes | {0, 130}


def pages() -> list[Path]:
    return [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md"))]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("https:", "http:")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def programs(page: str) -> list[str]:
    """The Python blocks of a page that are whole programs."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [block for block in blocks if block.startswith("import verirl\n")]


PROGRAMS = [
    pytest.param(code, id=f"{page}-{number}")
    for page in ("README.md", "docs/tutorials/python.md")
    for number, code in enumerate(programs(page))
]


@pytest.mark.needs_sandbox
@pytest.mark.parametrize("code", PROGRAMS)
def test_python_examples_print_what_they_say(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(code, "example", "exec"), {})
    expected = re.findall(r"^ *print\(.*\)  # (.+)$", code, re.MULTILINE)
    assert capsys.readouterr().out.splitlines() == expected


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    for page in DOCS.rglob("*.md"):
        name = page.relative_to(DOCS).as_posix()
        assert name == "index.md" or f"({name})" in index, name


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_commands_in_examples_exist(page: Path) -> None:
    """Each `verirl …` line of an example names a command and options that there are."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(?:sh|console|bash)?\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    for line in (line for block in blocks for line in block.splitlines()):
        words = line.removeprefix("$ ").split()
        if words[:1] != ["verirl"] or words[1:2] == ["…"]:
            continue
        assert words[1] in COMMANDS or words[1].startswith("-"), line
        if words[1] in COMMANDS:
            used = {word.partition("=")[0] for word in words[2:] if re.match(r"--?[a-zA-Z]", word)}
            assert used <= options(command(words[1])) | SHARED, line


HEADINGS = {
    "Recipe": "The top level",
    "TaskSet": "tasks.NAME",
    "Model": "model",
    "Lora": "model.lora",
    "SftSettings": "sft",
    "GrpoSettings": "grpo",
    "Length": "grpo.length",
    "Mix": "grpo.tasks",
    "Optimizer": "optimizer",
    "PeriodicEval": "periodic_eval",
    "EvalSettings": "eval",
    "Sampling": "grpo.sampling",
}
"""Part of a recipe → the section of docs/reference/recipes.md that has its table."""

BOUNDS = {"minimum": "≥ ", "exclusiveMinimum": "> ", "maximum": "≤ ", "exclusiveMaximum": "< "}
WORDS = {"integer": "integer", "number": "number", "string": "text", "boolean": "true or false"}


def values(schema: dict[str, Any]) -> str:
    """What may stand at a key, in the words of docs/reference/recipes.md."""
    if "$ref" in schema:
        heading = HEADINGS[schema["$ref"].rpartition("/")[2]]
        return f"[{heading}](#{heading.lower().replace('.', '').replace(' ', '-')})"
    if "anyOf" in schema:
        return " or ".join(values(choice) for choice in schema["anyOf"] if choice.get("type") != "null")
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "prefixItems" in schema:
        return f"[{', '.join(values(item) for item in schema['prefixItems'])}]"
    if schema["type"] == "array":
        return f"list of {values(schema['items'])}"
    if schema["type"] == "object":
        return f"name → {values(schema['additionalProperties'])}"
    bounds = ", ".join(f"{sign}{schema[name]}" for name, sign in BOUNDS.items() if name in schema)
    return f"{WORDS[schema['type']]} {bounds}".strip()


def default(schema: dict[str, Any], *, required: bool) -> str:
    if required:
        return "required"
    value = schema["default"]
    if isinstance(value, dict):
        return "–" if not value else "its defaults"
    return "–" if value is None or value in ("", []) else f"`{json.dumps(value)}`"


def rows(part: str) -> dict[str, tuple[str, str]]:
    """Key → (values, default) of a part of the recipe, from the models themselves."""
    from verirl.training.recipe import Recipe

    whole = Recipe.model_json_schema()
    schema = whole if part == "Recipe" else whole["$defs"][part]
    required = schema.get("required", [])
    return {
        key: (values(value), default(value, required=key in required))
        for key, value in schema["properties"].items()
    }


def test_every_part_of_a_recipe_has_a_section() -> None:
    from verirl.training.recipe import Recipe

    assert {"Recipe", *Recipe.model_json_schema()["$defs"]} == set(HEADINGS)


@pytest.mark.parametrize("part", HEADINGS)
def test_every_key_of_a_recipe_is_documented(part: str) -> None:
    lines = sections("reference/recipes.md")[HEADINGS[part]].splitlines()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| `")
    ]
    written = {key.strip("`"): (value, given) for key, value, given, _ in cells}
    assert written == rows(part), "docs/reference/recipes.md is out of date"
    assert all(meaning for *_, meaning in cells)


def test_every_built_in_recipe_is_documented() -> None:
    from verirl.training.recipe import built_in

    text = sections("reference/recipes.md")["Recipes that ship with verirl"]
    assert set(re.findall(r"^\| `([\w-]+)`", text, re.MULTILINE)) == set(built_in())


def test_example_recipes_are_recipes(tmp_path: Path) -> None:
    from verirl.training.recipe import load

    blocks = re.findall(
        r"```yaml\n(.+?)```", (DOCS / "reference/recipes.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert blocks
    for text in blocks:
        path = tmp_path / "recipe.yaml"
        path.write_text(text, encoding="utf-8")
        load(path)


def test_the_example_domain_is_the_one_of_its_page() -> None:
    text = (DOCS / "how-to/add-a-domain.md").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
    assert code == (ROOT / "examples" / "new_domain" / "verirl_letters.py").read_text(encoding="utf-8")


@pytest.fixture
def letters(tmp_path: Path) -> Iterator[None]:
    """The domain of docs/how-to/add-a-domain.md, installed as its page says."""
    text = (DOCS / "how-to/add-a-domain.md").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
    [project] = (tomllib.loads(block) for block in re.findall(r"```toml\n(.+?)```", text, re.DOTALL))
    [(name, value)] = project["project"]["entry-points"]["verirl.domains"].items()
    (tmp_path / f"{value.partition(':')[0]}.py").write_text(code, encoding="utf-8")
    metadata = tmp_path / "verirl_letters-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: verirl-letters\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[verirl.domains]\n{name} = {value}\n")
    with on_path(tmp_path):
        yield


@pytest.mark.usefixtures("letters")
def test_the_example_domain_does_what_its_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert run(["synth", "letters", "-n", "40", "-o", "tasks.jsonl", "--json", "-q", "-w", "1"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["tasks"] == 40
    assert made["kill_rate"] == 1.0
    assert run(["verify", "tasks.jsonl", "reference", "--strict", "-q", "-w", "1"]) == 0
    assert run(["audit", "rewards", "--domain", "letters", "--examples", "50", "-q"]) == 0


@pytest.mark.usefixtures("letters")
def test_the_example_domain_tells_answers_apart() -> None:
    domain = registry.load("letters")
    task = domain.generate(1, 0, 0.5)
    right = str(task.reference)
    answers = [right, f"  {right}\n", f"{right} !", right[::-1], right[:-1], "", "\0" * 100, right * 1000]
    with VerifierPool(1) as pool:
        verdicts = pool.verify([Request(task, answer) for answer in answers])
    assert [verdict.passed for verdict in verdicts] == [True, True, True, *[False] * 5]
    assert not any(verdict.is_error for verdict in verdicts)
    assert verdicts[2].stages[-1].score < verdicts[1].stages[-1].score == 1.0


def test_the_layers_in_the_documentation_are_those_that_are_enforced() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [contract] = [c for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    enforced = [set(layer.split(" | ")) for layer in contract["layers"] if layer != "__main__"]
    rows = re.findall(
        r"^\| \d+ \| (.+) \|$", sections("concepts/architecture.md")["Which may import which"], re.MULTILINE
    )
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == enforced


def install_example(page: str, folder: Path) -> None:
    """Install the package that a how-to page describes: its Python block and its entry point."""
    text = (DOCS / page).read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
    [project] = (tomllib.loads(block) for block in re.findall(r"```toml\n(.+?)```", text, re.DOTALL))
    [(group, points)] = project["project"]["entry-points"].items()
    [(name, value)] = points.items()
    (folder / f"{value.partition(':')[0]}.py").write_text(code, encoding="utf-8")
    metadata = folder / "my_package-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{name} = {value}\n")


def python_with(folder: Path, *arguments: str) -> str:
    path = os.pathsep.join([str(folder), str(ROOT / "tests"), *sys.path])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_estimator_works_and_its_claims_hold(tmp_path: Path) -> None:
    install_example("how-to/add-an-estimator.md", tmp_path)
    code = (
        "from verirl import advantages\n"
        "from verirl.types import RewardValue\n"
        "rewards = [RewardValue(scheme='x', value=v, key=(int(v),)) for v in (1.0, 0.0)]\n"
        "print(advantages('baseline', rewards, baseline=0.25))\n"
    )
    assert python_with(tmp_path, "-c", code) == "[0.75, -0.25]\n"
    text = python_with(tmp_path, "-m", "verirl", "audit", "rewards", "--examples", "50", "--json")
    shown = [row for row in json.loads(text)["advantages"] if row["subject"].startswith("baseline")]
    assert shown
    assert {row["verdict"] for row in shown if row["claimed"]} == {"holds"}


@pytest.mark.slow
@pytest.mark.needs_sandbox
@pytest.mark.needs_modules("trl")
def test_the_example_stage_runs_and_is_compared_and_reported(tmp_path: Path) -> None:
    from support.recipes import SMALL

    install_example("how-to/add-a-training-stage.md", tmp_path)
    recipe = tmp_path / "small.yaml"
    scored = "eval: {tasks: held_out, samples: 1, max_new_tokens: 6, greedy: false}\n"
    recipe.write_text(SMALL + "average: {weight: 0.5}\n" + scored, encoding="utf-8")
    run = tmp_path / "run"
    python_with(tmp_path, "-m", "verirl", "train", str(recipe), "--run", str(run), "-q")
    pairs = json.loads((run / "eval" / "comparisons.json").read_text(encoding="utf-8"))
    assert [(row["from"], row["to"]) for row in pairs] == [
        ("sft", "grpo"),
        ("sft", "average"),
        ("grpo", "average"),
    ]
    assert "after averaging" in python_with(tmp_path, "-m", "verirl", "report", str(run))
