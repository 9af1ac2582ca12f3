"""The command line. Nothing heavy is imported before a command is chosen."""

from __future__ import annotations

import errno
import importlib
import io
import os
import signal
import sys
from typing import Any

import click

from verirl import __version__

COMMANDS: dict[str, tuple[str, str]] = {
    "doctor": ("doctor", "What is installed, what is missing, and the line that installs it."),
    "synth": ("synth", "Make checked tasks of a domain."),
    "import": ("import_", "Read a benchmark in its published layout into tasks."),
    "verify": ("verify", "Judge answers: one verdict a line."),
    "train": ("train", "Run a recipe: synth, SFT, GRPO, eval, or any part of it."),
    "eval": ("eval", "Score a model on tasks: pass@k with intervals, gates, reports."),
    "compare": ("compare", "Compare two evaluations, paired by task."),
    "report": ("report", "Show what a run learned."),
    "audit": ("audit", "Hold rewards to their properties; show counterexamples."),
    "optics": ("optics", "Evaluate and draw lens prescriptions."),
    "rtl": ("rtl", "Look at designs: first mismatches, area, waveforms, schematic."),
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
    """A group whose commands are imported when they are called, not when they are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of the work they do."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of `cmd_name` and hand out its `command`."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"verirl.cli.{COMMANDS[cmd_name][0]}")
        command = module.command
        if not isinstance(command, click.Command):
            raise TypeError(f"verirl.cli.{COMMANDS[cmd_name][0]}.command is not a click command")
        _name_variables(command, f"VERIRL_{cmd_name.upper()}")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, so that help imports none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Like click's, with a suggestion where the command is not known."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            import difflib

            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(COMMANDS)}"
            raise click.UsageError(f"no command '{name}'; {hint}", ctx)
        return super().resolve_command(ctx, args)


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
    """Run the command line and leave with the exit code of the contract (`docs/cli.md`)."""
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
    except click.exceptions.NoArgsIsHelpError as problem:
        problem.show()
        return 2
    except click.ClickException as problem:
        return _say(_usage_line(problem), 2)
    except (KeyboardInterrupt, click.Abort):
        return _say("interrupted", 130)
    except BrokenPipeError:
        # The reader went away; closing standard output again at exit must not complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as problem:
        if hasattr(problem, "exit_code"):
            return _say(str(problem), int(problem.exit_code))
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            place = problem.filename or "standard output or a temporary file"
            return _say(f"{place}: {problem.strerror}; free some space and run the command again", 1)
        if problem.filename and problem.errno in OF_THE_SYSTEM:
            return _say(f"{problem.filename}: {problem.strerror}", 1)
        raise
    except Exception as problem:
        if hasattr(problem, "exit_code"):
            return _say(str(problem), int(problem.exit_code))
        raise
    return value if isinstance(value, int) else 0


def _usage_line(problem: click.ClickException) -> str:
    message = problem.format_message().rstrip(".")
    context = problem.ctx if isinstance(problem, click.UsageError) else None
    return f"{message} (see '{context.command_path} --help')" if context else message


def _say(message: str, code: int) -> int:
    from verirl.reporting.words import clean

    # The line may quote what a file or a model wrote.
    one_line = clean(" ".join(message.split("\n")))
    print(f"verirl: {one_line}", file=sys.stderr)  # noqa: T201
    return code
