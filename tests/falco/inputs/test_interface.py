"""Each input is a file that its name leads to, and one of them takes every source."""

from __future__ import annotations

import inspect
from importlib import import_module

import pytest

from falcoport.falco.inputs.interface import AlertInput, InputFormat, split_source

FUNCTIONS = ("is_format_of", "split", "find")


@pytest.mark.parametrize("form", InputFormat)
def test_an_input_offers_what_the_interface_declares(form: InputFormat) -> None:
    module = import_module(f"falcoport.falco.inputs.{form}")
    for name in FUNCTIONS:
        declared = list(inspect.signature(getattr(AlertInput, name)).parameters)[1:]
        offered = inspect.signature(getattr(module, name)).parameters
        assert [each.lstrip("_") for each in offered] == declared


@pytest.mark.parametrize(
    ("source", "form"),
    [
        (b"", InputFormat.LOG_LINES),
        (b"{}", InputFormat.LOG_LINES),
        (b'{"rule":"r"}\n{"rule":"r"}\n', InputFormat.LOG_LINES),
        (b"\xef\xbb\xbf{\n}", InputFormat.JSON_DOCUMENT),
        (b"[\n{}]", InputFormat.JSON_DOCUMENT),
    ],
)
def test_a_source_is_read_as_what_its_beginning_says(source: bytes, form: InputFormat) -> None:
    blocks = [bytes([one]) for one in source]
    assert {chunk.form for chunk in split_source(blocks)} <= {form}
    assert [chunk.text for chunk in split_source([source])] == [
        source.removeprefix(b"\xef\xbb\xbf")
    ] * bool(source)
