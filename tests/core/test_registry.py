"""Domains are found by entry point; what is missing or misspelt in one is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.toy_domain import on_path

from verirl import registry
from verirl.cli import run
from verirl.errors import InputError, ToolMissingError

WHOLE = """
import click
from verirl import Domain, Spec, Stage, passed

class WordSpec(Spec):
    word: str

class Word(Domain):
    name = "word"
    version = "1"
    ladder = (Stage(name="equal"),)
    spec_model = WordSpec

    def stages(self, task, completion, context):
        yield passed("equal")
"""

Install = Callable[[str], None]


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Install]:
    """Install the source of a domain called `word`."""

    def write(source: str, value: str = "word_domain:Word") -> None:
        (tmp_path / "word_domain.py").write_text(source, encoding="utf-8")
        metadata = tmp_path / "word_domain-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: word-domain\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[verirl.domains]\nword = {value}\n")

    with on_path(tmp_path):
        yield write


def test_a_class_or_an_instance_is_a_domain(install: Install) -> None:
    install(WHOLE)
    assert registry.load("word").name == "word"
    assert registry.load("word") is registry.load("word")


def test_defaults_of_optional_members(install: Install) -> None:
    install(WHOLE)
    word = registry.load("word")
    options = word.options_model()
    assert word.families == word.families_for(options) == ()
    assert word.difficulty_range("any", options) == (0.0, 1.0)
    assert word.confined
    assert word.deadline_s == 10.0
    assert not (word.tools())
    assert not (word.worker_files())
    assert not (word.reward_presets())
    assert not (word.importers)
    assert not (word.commands())
    assert not (word.judging_options())
    assert not (word.official_importers)
    with pytest.raises(InputError, match="'word' makes no tasks"):
        word.generate(0, 0, 0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('    version = "1"\n', ""), "domain 'word' lacks: version"),
        (("    spec_model = WordSpec\n", "    ladder = ()\n"), "domain 'word' lacks: spec_model"),
        (("def stages(", "def stage(self): pass\n    def _stages("), "domain 'word' lacks: stages"),
        (("def stages(", "deadline = 3\n    def stages("), "'deadline'; did you mean 'deadline_s'"),
        (("def stages(", "def familes_for(self, o): ...\n    def stages("), "did you mean 'families_for'"),
        (("def stages(", "def polishing(self, t): ...\n    def stages("), "did you mean 'polished'"),
        (("(Domain)", ""), "is not a subclass of verirl.Domain"),
        (('name = "word"', 'name = "words"'), "'name' is 'words', not the entry point's name"),
        (('version = "1"', "version = 1"), "'version' must be a text"),
        (("def stages(", 'confined = "no"\n    def stages('), "'confined' must be True or False"),
        (("def stages(", "deadline_s = 0\n    def stages("), "'deadline_s' must be a number of seconds"),
        (("import click", "import no_such_package_anywhere"), "no_such_package_anywhere"),
        (("import click", "1 / 0"), "does not load: division by zero"),
    ],
)
def test_mistakes_are_named(install: Install, change: tuple[str, str], message: str) -> None:
    before, after = change
    assert before in WHOLE
    install(WHOLE.replace(before, after))
    with pytest.raises((InputError, ToolMissingError), match=message):
        registry.load("word")


def test_members_of_its_own_are_allowed(install: Install) -> None:
    install(WHOLE.replace("def stages(", "def alphabet(self): return 'abc'\n    def stages("))
    assert registry.load("word").name == "word"


COMMANDS = """
    def commands(self):
        @click.command("word", epilog="Example: verirl word")
        def command():
            "Say a word."
            click.echo("hello")
        return [command]

    def judging_options(self):
        from verirl.cli.options import environment_option
        return [environment_option("--dictionary", variable="WORDS", help="Words that exist.")]
"""


def test_a_domain_brings_commands_and_options(
    install: Install, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from verirl import cli

    monkeypatch.setattr(cli, "_domain_commands", cli._domain_commands.__wrapped__)
    install(WHOLE + COMMANDS)
    assert run(["--help"]) == 0
    assert "Say a word." in capsys.readouterr().out
    assert run(["word"]) == 0
    assert capsys.readouterr().out == "hello\n"
    command = cli.JudgingCommand("judge", params=[])
    command.add_domain_options()
    assert "--dictionary" in {name for param in command.params for name in param.opts}


def test_a_broken_domain_breaks_no_other(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    install(WHOLE.replace("import click", "1 / 0"))
    with pytest.warns(UserWarning, match="division by zero"):
        assert "math" in registry.load_all()
    assert run(["verify", "--help"]) == 0
