"""Rows of published data sets: fields, files of a folder, and rows that are left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from verirl.errors import InputError
from verirl.io.jsonl import Line
from verirl.io.rows import data_files, text_field, warn_left_out

ROW = Line("rows.jsonl", 3, {"text": "a\r\nb", "number": 1, "blank": " "})


def test_a_text_has_plain_line_ends() -> None:
    assert text_field(ROW, "text") == "a\nb"
    assert text_field(ROW, "blank") == " "


@pytest.mark.parametrize(
    ("field", "message"),
    [("other", "missing"), ("number", "must be text"), ("blank", "must be text")],
)
def test_a_field_that_is_not_text_is_named(field: str, message: str) -> None:
    with pytest.raises(InputError, match=f"rows.jsonl:3: field '{field}': {message}"):
        text_field(ROW, field, may_be_blank=False)


def test_the_data_files_of_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no \.jsonl or \.json file"):
        data_files(tmp_path, (".jsonl", ".json"))
    for name in ("b.jsonl", "a.json.gz", "c.txt"):
        (tmp_path / name).touch()
    assert [file.name for file in data_files(tmp_path, (".jsonl", ".json"))] == ["a.json.gz", "b.jsonl"]
    with pytest.raises(InputError, match="is Parquet"):
        data_files(tmp_path / "x.parquet", (".jsonl",))


def test_a_row_that_is_left_out_is_named() -> None:
    with pytest.warns(UserWarning, match="rows.jsonl:3: left out: it is empty"):
        warn_left_out(ROW, "it is empty")
