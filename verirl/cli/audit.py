"""`verirl audit`: test the properties of rewards and show counterexamples."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import click

from verirl.cli import console
from verirl.errors import GateError, InputError

if TYPE_CHECKING:
    from rich.table import Table

    from verirl.scoring import Scheme
    from verirl.scoring.audit import PropertyResult

MARKS = {
    "holds": "[green]holds[/]",
    "broken": "[bold red]BROKEN[/]",
    "untested": "[bold red]untested[/]",
    "not claimed": "[dim]not claimed[/]",
    "not claimed, broken": "[yellow]breaks[/] [dim](not claimed)[/]",
}


@click.group(name="audit", epilog="Example: verirl audit rewards --scheme weighted")
def command() -> None:
    """Test the properties of rewards; show counterexamples."""


@command.command(
    name="rewards", epilog="Example: verirl audit rewards --scheme weighted --scheme mine:my_scheme"
)
@click.option(
    "--scheme",
    "names",
    multiple=True,
    metavar="NAME",
    default=("all",),
    show_default=True,
    help="A scheme, a domain's preset, MODULE:ATTRIBUTE for one of your own, or all. May be repeated.",
)
@click.option("--domain", metavar="NAME", help="Audit on this domain's ladder alone.")
@click.option("--examples", type=click.IntRange(min=1), default=500, show_default=True, help="Drawn cases.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the drawn cases.")
@console.json_option
@console.quiet_option
def rewards(
    names: tuple[str, ...], domain: str | None, examples: int, seed: int, as_json: bool, quiet: bool
) -> None:
    """Search for verdicts that break a property of a reward scheme or of an advantage.

    Each property that a scheme claims must hold on every small case and on --examples drawn ones; a
    failure is shown as the smallest counterexample found. Exits with 3 if a claim does not hold.
    """
    from verirl import registry
    from verirl.scoring.audit import audit, audit_scheme

    ladder = registry.load(domain).ladder if domain else None
    schemes = [scheme for name in names for scheme in _schemes(name)]
    on_schemes, on_advantages = audit(schemes, ladder=ladder, examples=examples, seed=seed)
    for preset, home in (pair for name in names for pair in _presets(name, domain)):
        own = registry.load(home).ladder
        on_schemes += audit_scheme(preset, ladder=own, examples=examples, seed=seed)
    findings = on_schemes + on_advantages
    if as_json:
        console.emit_json(
            {
                "domain": domain,
                "examples": examples,
                "seed": seed,
                "met": all(finding.met for finding in findings),
                "schemes": [finding.to_dict() for finding in on_schemes],
                "advantages": [finding.to_dict() for finding in on_advantages],
            }
        )
    else:
        _show(on_schemes, on_advantages, quiet=quiet)
    unmet = [finding for finding in findings if not finding.met]
    if unmet:
        told = "; ".join(f"{finding.subject}: {finding.name} is {finding.verdict}" for finding in unmet)
        raise GateError(f"{len(unmet)} claimed properties do not hold: {told}")


def _schemes(name: str) -> list[Scheme]:
    from verirl.scoring import SCHEMES, scheme

    if name == "all":
        return [scheme(known) for known in SCHEMES]
    if ":" in name:
        return [_foreign(name)]
    return [scheme(name)] if name in SCHEMES else []


def _presets(name: str, domain: str | None) -> list[tuple[Scheme, str]]:
    """The presets meant by `name`, each with the domain on whose ladder alone it stands."""
    from verirl import presets
    from verirl.scoring import SCHEMES

    if ":" in name or name in SCHEMES:
        return []
    known = presets.installed()
    if name != "all":
        presets.find(name, None if domain is None else (domain,))
        known = {name: known[name]}
    return [
        (presets.find(preset, (home,)), home)
        for preset, homes in known.items()
        for home in homes
        if domain in (None, home)
    ]


def _foreign(place: str) -> Scheme:
    """A third party's scheme, imported as `python -m` would: the current folder counts."""
    from verirl.scoring import Scheme

    module, _, attribute = place.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = importlib.import_module(module)
    except Exception as error:
        raise InputError(f"--scheme {place}: module '{module}' does not import: {error}") from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise InputError(f"--scheme {place}: '{module}' has no '{attribute}'")
        found = getattr(found, part)
    if isinstance(found, type) or not isinstance(found, Scheme):
        raise InputError(
            f"--scheme {place}: is no scheme; it needs a `name` and must be callable with (ladder, stages)"
        )
    return found


def _show(on_schemes: list[PropertyResult], on_advantages: list[PropertyResult], *, quiet: bool) -> None:
    from rich.markup import escape

    console.show(_table("Reward schemes", on_schemes), quiet=quiet)
    console.show(_table("Group advantages", on_advantages), quiet=quiet)
    for finding in on_schemes + on_advantages:
        found = finding.counterexample
        if found is None:
            continue
        mark = "broken" if finding.claimed else "not claimed, and broken"
        console.show(
            f"\n[bold]{escape(finding.subject)}[/]: {finding.name} ({finding.title}) is {mark}",
            quiet=quiet,
        )
        for line in (*found.lines, found.problem):
            console.show(f"  {escape(line)}", quiet=quiet)


def _table(title: str, findings: list[PropertyResult]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    subjects = list(dict.fromkeys(finding.subject for finding in findings))
    table = Table(title=title, title_justify="left")
    table.add_column("property")
    for subject in subjects:
        table.add_column(escape(subject))
    for name in dict.fromkeys(finding.name for finding in findings):
        row = {f.subject: MARKS[f.verdict] for f in findings if f.name == name}
        table.add_row(name, *(row.get(subject, "") for subject in subjects))
    return table
