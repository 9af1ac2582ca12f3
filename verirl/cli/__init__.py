"""The command line. Nothing heavy is imported before a command is chosen."""

from __future__ import annotations

import contextlib
import errno
import functools
import importlib
import io
import os
import signal
import sys
from typing import Any

import click

from verirl import __version__
from verirl.cli.options import JudgingCommand
from verirl.errors import VerirlError, suggestion

COMMANDS: dict[str, tuple[str, str]] = {
    "doctor": ("doctor", "What is installed, what is missing, and the line that installs it."),
    "synth": ("synth", "Make checked tasks of a domain."),
    "import": ("import_", "Read a benchmark in its published layout into tasks."),
    "verify": ("verify", "Judge answers: one verdict a line."),
    "train": ("train", "Run a recipe: synth, SFT, GRPO, eval, or any part of it."),
    "eval": ("eval", "Score a model on tasks: pass@k with intervals, gates, reports."),
    "compare": ("compare", "Compare two evaluations, paired by task."),
    "report": ("report", "Show what a run learned."),
    "audit": ("audit", "Test the properties of rewards; show counterexamples."),
    "spec": ("spec", "Print the JSON Schema of a domain's task specs."),
}
"""Command → its module in this package and its line in `verirl --help`."""

OF_THE_SYSTEM = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.ENAMETOOLONG,
    errno.EIO,
)
"""What the system refuses, where the name of the file says all that a traceback could."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, and to which domains add their own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the core's commands in the order of the work they do, then those of the domains."""
        return [*COMMANDS, *_domain_commands()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command `cmd_name`; None if there is none."""
        command = _core_command(cmd_name) if cmd_name in COMMANDS else _domain_commands().get(cmd_name)
        if isinstance(command, JudgingCommand):
            command.add_domain_options()
        if command is not None:
            _name_variables(command, f"VERIRL_{cmd_name.upper()}")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the core's commands from the table, so that help imports none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])
        added = [(name, command.get_short_help_str(80)) for name, command in _domain_commands().items()]
        if added:
            with formatter.section("Commands of domains"):
                formatter.write_dl(added)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve a command as click does, with a suggestion if it is unknown."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in self.list_commands(ctx):
            raise click.UsageError(f"no command '{name}'; {suggestion(name, self.list_commands(ctx))}", ctx)
        return super().resolve_command(ctx, args)


def _core_command(name: str) -> click.Command:
    module = importlib.import_module(f"verirl.cli.{COMMANDS[name][0]}")
    command = module.command
    if not isinstance(command, click.Command):
        raise TypeError(f"verirl.cli.{COMMANDS[name][0]}.command is not a click command")
    return command


@functools.cache
def _domain_commands() -> dict[str, click.Command]:
    """The commands that installed domains bring; a domain that does not load brings none."""
    from verirl import registry

    commands: dict[str, click.Command] = {}
    for domain in sorted(registry.installed()):
        with contextlib.suppress(VerirlError):  # `verirl doctor` says why it does not load
            for command in registry.load(domain).commands():
                if command.name and command.name not in COMMANDS:
                    commands.setdefault(command.name, command)
    return commands


def _name_variables(command: click.Command, prefix: str) -> None:
    """Each option's environment variable is named as the option is: `VERIRL_EVAL_MAX_NEW_TOKENS`."""
    for option in command.params:
        if isinstance(option, click.Option):
            name = max(option.opts, key=len).lstrip("-")
            option.envvar = f"{prefix}_{name.replace('-', '_').upper()}"
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            _name_variables(inner, f"{prefix}_{name.upper()}")


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Example: verirl train quickstart --run runs/first",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Make a language model better at a field whose answers a machine can check."""


def main(args: list[str] | None = None) -> None:
    """Run the command line and leave with the exit code of the contract (`docs/reference/cli.md`)."""
    # A scheduler that takes the machine back sends SIGTERM; it is told what Ctrl-C is told.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(args))


def run(args: list[str] | None = None) -> int:
    """Run one call; returns the exit code of the contract (0, 1, 2, 3, 4 or 130)."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets a question mark, never a traceback.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        value: Any = cli.main(args=args, prog_name="verirl", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        return _say(_usage_line(error), 2)
    except (KeyboardInterrupt, click.Abort):
        return _say("interrupted", 130)
    except BrokenPipeError:
        # The reader went away; closing standard output again at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except VerirlError as error:
        return _say(str(error), error.exit_code)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            place = error.filename or "standard output or a temporary file"
            return _say(f"{place}: {error.strerror}; free some space and run the command again", 1)
        if error.filename and error.errno in OF_THE_SYSTEM:
            return _say(f"{error.filename}: {error.strerror}", 1)
        raise
    return value if isinstance(value, int) else 0


def _usage_line(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{message} (see '{context.command_path} --help')" if context else message


def _say(message: str, code: int) -> int:
    from verirl.reporting.formatting import clean

    # The line may quote what a file or a model wrote.
    one_line = clean(" ".join(message.split("\n")))
    print(f"verirl: {one_line}", file=sys.stderr)  # noqa: T201
    return code
