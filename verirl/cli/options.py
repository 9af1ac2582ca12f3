"""Options that a domain adds to the commands that judge."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click


def environment_option(*names: str, variable: str, help: str, **settings: Any) -> click.Option:
    """Make an option that sets an environment variable while a command runs.

    Args:
        *names: The option as it is typed, such as `--liberty`.
        variable: The variable, which the domain reads. It holds an absolute path if the value is a path.
        help: The help text.
        **settings: Passed on to `click.Option`.

    Returns:
        An option for `Domain.judging_options`.
    """

    def set_variable(context: click.Context, _: click.Parameter, value: str | Path | None) -> None:
        if value is None:
            return
        before = os.environ.get(variable)
        os.environ[variable] = str(value.absolute() if isinstance(value, Path) else value)

        def restore() -> None:
            if before is None:
                os.environ.pop(variable, None)
            else:
                os.environ[variable] = before

        context.call_on_close(restore)

    return click.Option(list(names), help=help, expose_value=False, callback=set_variable, **settings)


class JudgingCommand(click.Command):
    """A command that judges answers: it has the options of the installed domains too."""

    def add_domain_options(self) -> None:
        """Add the options of every domain that loads, once."""
        from verirl import registry
        from verirl.errors import VerirlError

        known = {name for param in self.params for name in param.opts}
        for domain in registry.installed():
            try:
                options = registry.load(domain).judging_options()
            except VerirlError:
                continue  # `verirl doctor` says why it does not load
            for option in options:
                if known.isdisjoint(option.opts):
                    self.params.append(option)
                    known.update(option.opts)
