"""`verirl spec`: the JSON Schema of a domain's task specs."""

from __future__ import annotations

import click

from verirl.cli import console


@click.command(name="spec", epilog="Example: verirl spec math > math-spec.schema.json")
@click.argument("domain")
def command(domain: str) -> None:
    """Print the JSON Schema of the `spec` of DOMAIN's tasks.

    The schema describes keys and types. What it cannot express, such as whether a gold answer can be read as
    mathematics, is checked when a task file is read.
    """
    from verirl import registry

    found = registry.load(domain)
    schema = found.spec_model.model_json_schema()
    console.emit_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
