"""A recipe's YAML text: parsing, overrides, former key names, and errors that name line and key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import reduce
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from verirl.errors import InputError
from verirl.training.settings import Settings

Keys = dict[str, Any]


def read_text(path: Path) -> str:
    """Read a UTF-8 file; InputError if that fails."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError.at(path, str(error)) from error


def parse(path: Path, text: str) -> Keys:
    """Parse YAML into a mapping; InputError names the line of what is wrong."""
    try:
        _refuse_double_keys(yaml.compose(text, Loader=yaml.SafeLoader), set())
        value = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise InputError.at(path, f"not valid YAML: {error.problem}", line=line) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError.at(path, f"not valid YAML: {error}") from error
    if not isinstance(value, dict):
        raise InputError.at(path, "a recipe is a mapping of keys, as `verirl train --show quickstart` prints")
    return value


def _refuse_double_keys(node: yaml.Node | None, seen: set[int]) -> None:
    """A key written twice is a mistake, not an override."""
    if node is None or id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_double_keys(item, seen)
    elif isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, value in node.value:
            if key.value in names:
                raise yaml.MarkedYAMLError(
                    problem=f"key '{key.value}' appears twice", problem_mark=key.start_mark
                )
            names.add(key.value)
            _refuse_double_keys(value, seen)


def override(model: type[BaseModel], value: Keys, text: str) -> str:
    """Set one key, as `--set` does.

    Args:
        model: The recipe's model, which knows the former names of keys.
        value: The recipe's mapping, which is changed.
        text: `KEY.PATH=VALUE`, the value in YAML.

    Returns:
        The path of the key, by its current names.

    Raises:
        InputError: If the text is not of that form.
    """
    path, equals, raw = text.partition("=")
    if not equals or not path.strip():
        raise InputError(f"--set {text}: expected key.path=value, as in --set grpo.steps=20")
    try:
        parsed = yaml.safe_load(raw)
    except yaml.YAMLError as error:
        raise InputError(f"--set {text}: the value is not valid YAML") from error
    *parents, last = _current_path(model, path.strip().split("."))
    here = value
    for parent in parents:
        inner = here.setdefault(parent, {})
        if inner is None:
            inner = here[parent] = {}
        if not isinstance(inner, dict):
            raise InputError(f"--set {text}: '{parent}' holds a value, not keys")
        here = inner
    kind = _model(_at(model, parents))
    here[last] = with_current_names(kind, {last: parsed})[last] if kind else parsed
    return ".".join([*parents, last])


def with_current_names(model: type[BaseModel], value: Keys) -> Keys:
    """Replace the former names of keys by the current ones, at every depth.

    Raises:
        InputError: If a key is there under both names.
    """
    renamed = _former_names(model)
    current: Keys = {}
    for key, inner in value.items():
        name = renamed.get(key, key)
        if name != key and name in value:
            raise InputError(f"'{key}' is the former name of '{name}': give one of them")
        current[name] = _with_current_names_inside(_inside(model, name), inner)
    return current


def _with_current_names_inside(kind: Any, value: Any) -> Any:
    if isinstance(value, list):
        return [_with_current_names_inside(_inside(kind, index), item) for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    model = _model(kind)
    if model is not None:
        return with_current_names(model, value)
    return {key: _with_current_names_inside(_inside(kind, key), item) for key, item in value.items()}


def _branches(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def _model(kind: Any) -> type[BaseModel] | None:
    """Return the model among a type's alternatives: `Lora` for `Lora | None`, None for `tuple[Mix, ...]`."""
    models = (each for each in _branches(kind) if isinstance(each, type) and issubclass(each, BaseModel))
    return next(models, None)


def _inside(kind: Any, part: int | str) -> Any:
    """Return the type of what a key or an index selects in a value of a type; None if it selects nothing."""
    model = _model(kind)
    if model is not None:
        field = model.model_fields.get(str(part))
        return field.annotation if field else None
    containers = (each for each in _branches(kind) if get_origin(each) in (dict, list, tuple))
    items = [item for each in containers for item in get_args(each) if item is not Ellipsis]
    return items[-1] if items else None


def _at(model: type[BaseModel], path: Iterable[str]) -> Any:
    """Return the type of what a path of current keys selects."""
    return reduce(_inside, path, model)


def _former_names(kind: Any) -> dict[str, str]:
    model = _model(kind)
    return model.renamed if model and issubclass(model, Settings) else {}


def _current_path(model: type[BaseModel], path: list[str]) -> list[str]:
    current: list[str] = []
    for key in path:
        current.append(_former_names(_at(model, current)).get(key, key))
    return current


def drop_unknown_key(value: Keys, error: ValidationError) -> bool:
    """Remove the first key of `value` that is unknown; False if no key is."""
    for details in error.errors(include_url=False):
        if details["type"] != "extra_forbidden":
            continue
        *parents, last = details["loc"]
        here: Any = value
        for part in parents:
            if isinstance(here, dict):
                here = here.get(part, here)
            elif isinstance(here, list) and isinstance(part, int) and part < len(here):
                here = here[part]
        if isinstance(here, dict) and last in here:
            del here[str(last)]
            return True
    return False


def explain(
    model: type[BaseModel], path: Path, text: str, error: ValidationError, overridden: set[str]
) -> InputError:
    """Turn the first mistake that pydantic found into one line with file, line and key."""
    found = error.errors(include_url=False)
    # A key that is misspelt is also one that is missing; the spelling is what helps.
    first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
    location = [str(part) for part in first["loc"] if not _is_union_branch(str(part))]
    field = ".".join(location) or None
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        parent = _model(_at(model, location[:-1]))
        known = list(parent.model_fields) if parent else []
        near = difflib.get_close_matches(location[-1], known, n=1, cutoff=0.5)
        message = "unknown key; " + (f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}")
    elif first["type"] == "missing":
        message = "missing"
    if any(field == key or str(field).startswith(f"{key}.") for key in overridden):
        return InputError(f"--set {field}: {message}")
    return InputError.at(path, message, line=_line_of(model, text, location), field=field)


def _is_union_branch(part: str) -> bool:
    return part in ("str", "tuple[Mix, ...]", "tuple[Mix,...]")


def _line_of(model: type[BaseModel], text: str, location: list[str]) -> int | None:
    """Return the line of the deepest key of `location` that the YAML text has, under either name."""
    kind: Any = model
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    line: int | None = None
    for part in location:
        if isinstance(node, yaml.MappingNode):
            names = {part, *(old for old, new in _former_names(kind).items() if new == part)}
            pair = next(((k, v) for k, v in node.value if k.value in names), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
        else:
            break
        kind = _inside(kind, part)
    return line
