"""Entry points of other packages: what they add is loaded, and what is wrong with one is one line."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from verirl import plugins
from verirl.errors import InputError


def points(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    point = EntryPoint("added", value, "a.group")
    monkeypatch.setattr(plugins, "entry_points", lambda *, group: [point] if group == "a.group" else [])


def test_classes_are_yielded_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    points(monkeypatch, "collections:OrderedDict")
    assert [name for name, _ in plugins.subclasses("a.group", "mapping", dict)] == ["added"]
    assert list(plugins.subclasses("another.group", "mapping", dict)) == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("collections:Counter", "mapping 'added' \\(collections:Counter\\) is not a list"),
        ("collections:namedtuple", "is not a list"),
        ("no_such_module:Thing", "mapping 'added' \\(no_such_module:Thing\\) does not load: No module"),
        ("collections:NoSuchName", "does not load"),
    ],
)
def test_what_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch, value: str, message: str) -> None:
    points(monkeypatch, value)
    with pytest.raises(InputError, match=message):
        list(plugins.subclasses("a.group", "mapping", list))
