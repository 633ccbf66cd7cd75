"""Numbers reach jq, and then the catalog, as JavaScript reads them: rounded once."""

from __future__ import annotations

import json
import shutil
import subprocess
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcoport.mapping.evaluator import Evaluator
from falcoport.mapping.numbers import round_numbers, stored_float, stored_integer
from falcoport.preview.plain import BodyEvaluator

NODE = shutil.which("node")
MAPPING = {
    "blueprint": "b",
    "entity": {"identifier": '"id"', "properties": {"n": ".body.n", "all": ".body | {n}"}},
}
NANOSECONDS = st.integers(1_700_000_000_000_000_000, 1_900_000_000_000_000_000)


def stored(text: str) -> Any:
    """Return what is stored for a number's JSON text, by a path and by an expression."""
    event = '{"body": {"n": ' + text + '}, "headers": {}, "queryParams": {}}'
    [outcome] = Evaluator([MAPPING]).evaluate(event)
    assert outcome.entity is not None
    properties = outcome.entity["properties"]
    assert properties["all"]["n"] == properties["n"]
    return properties["n"]


def test_an_integer_that_lies_between_two_doubles_is_rounded_once() -> None:
    """17 digits of ...0127 are ...0100, which is nearer to the double below."""
    text = "1786960041123450127"
    assert stored(text) == int(Decimal(repr(float(text))))


@given(NANOSECONDS)
def test_a_time_in_nanoseconds_is_the_double_that_javascript_reads(number: int) -> None:
    [outcome] = Evaluator([MAPPING]).evaluate(json.dumps({"body": {"n": number}}))
    assert outcome.entity is not None
    assert outcome.entity["properties"]["n"] == int(Decimal(repr(float(number))))
    [[fast]] = BodyEvaluator([MAPPING]).evaluate([json.loads(round_numbers(f'{{"n": {number}}}'))])
    assert fast.entity == outcome.entity


def test_texts_that_look_like_numbers_stay_as_they_are() -> None:
    text = (
        r'{"a": "1786960041123450127", "b\"1786960041123450127": "x\\", "c": 1786960041123450127}'
    )
    assert json.loads(round_numbers(text)) == {**json.loads(text), "c": 1786960041123450000}


@pytest.mark.parametrize("text", ["{", '{"a": NaN, "b": 1.5}', "[" * 100_000 + "1.5"])
def test_a_text_that_cannot_be_read_stays_as_it_is(text: str) -> None:
    assert round_numbers(text) == text


numbers = st.one_of(
    NANOSECONDS.map(str),
    st.integers(-(10**25), 10**25).map(str),
    st.decimals(
        allow_nan=False, allow_infinity=False, places=25, min_value=-(10**6), max_value=10**6
    ).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(["1.0", "1e3", "-0", "1e-7", "0.1", "9007199254740993", "1e21", "123e-20"]),
)


@pytest.mark.skipif(NODE is None, reason="needs node, a JavaScript")
@settings(max_examples=5)
@given(st.lists(numbers, min_size=200, max_size=400))
def test_what_is_stored_is_what_javascript_says(texts: list[str]) -> None:
    assert NODE is not None
    script = "process.stdout.write(JSON.stringify(JSON.parse(require('fs').readFileSync(0))))"
    whole = "[" + ",".join(texts) + "]"
    ran = subprocess.run(
        [NODE, "-e", script], input=whole, capture_output=True, check=True, text=True
    )
    expected = json.loads(ran.stdout)
    found = json.loads(round_numbers(whole))
    assert found == expected
    assert [stored(text) for text in texts[:20]] == expected[:20]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("1786960041123456789", 1786960041123456800),
        ("9007199254740993", 9007199254740992),
        ("-5", -5),
        ("123456789012345678901234", 1.2345678901234568e23),
    ],
)
def test_integers_are_as_javascript_writes_them(text: str, stored: float) -> None:
    assert stored_integer(text) == stored


def test_numbers_beyond_a_double_are_the_largest_one() -> None:
    assert stored_float("1e999") == 1.7976931348623157e308
    assert stored_float("-1e999") == -1.7976931348623157e308
    assert stored_integer("9" * 400) == 1.7976931348623157e308
