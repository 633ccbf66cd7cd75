"""The mappings of one webhook, evaluated with libjq as one program."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jq

from falcoport.mapping.expressions import (
    END,
    HIDE_ENVIRONMENT,
    Expression,
    compile_error,
    expressions,
    first_message,
    requoted,
)
from falcoport.mapping.jq_analysis import gives_one_output
from falcoport.mapping.numbers import as_stored, read_stored, round_numbers
from falcoport.mapping.outcomes import EventError, Outcome, ResultReader, is_only

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


MAX_ITEMS = 500
"""How many elements of `itemsToParse` Port handles (docs: "Webhook", limits)."""


class Evaluator:
    """The mappings of one webhook, compiled once and evaluated on many events.

    All expressions of all mappings run as one jq program, each guarded on its own, so that an
    event crosses into libjq once however many fields it has.
    """

    def __init__(self, mappings: Sequence[Mapping[str, Any]]) -> None:
        self._mappings = tuple(mappings)
        self._expressions = tuple(tuple(expressions(mapping)) for mapping in mappings)
        self._several = ["itemsToParse" in mapping for mapping in self._mappings]
        self._readers = [
            ResultReader(index, mapping, found)
            for index, (mapping, found) in enumerate(
                zip(self._mappings, self._expressions, strict=True)
            )
        ]
        self._program = jq.compile(self._combine())

    def evaluate(self, event: str, *, rounded: bool = False) -> list[Outcome]:
        """Evaluate all mappings on one event.

        `event` is the JSON text of `{"body": …, "headers": …, "queryParams": …}`; `rounded` says
        that its numbers are as JavaScript writes them already.
        Raise EventError if it is not JSON or too deeply nested.
        """
        if not rounded:
            event = round_numbers(event)
        try:
            text = self._program.input_text(event).text()
            if not text and _is_unreadable(event):
                raise EventError("empty")
            # Only an expression that ends the whole program (`halt`, `input`) leaves no line.
            raw = read_stored(text) if text else self._evaluate_singly(event)
        except ValueError as error:
            if _is_unreadable(event):
                raise EventError(first_message(str(error))) from None
            raw = self._evaluate_singly(event)
        except RecursionError:
            raise EventError("nested too deeply") from None
        return self._outcomes(raw)

    def evaluate_many(self, events: Sequence[str], *, rounded: bool = False) -> list[list[Outcome]]:
        """Evaluate all mappings on many events at once; faster than one by one.

        Raise EventError if one of them cannot be read: evaluate them singly to learn which.
        """
        if not rounded:
            events = [round_numbers(event) for event in events]
        try:
            # Not as text: the binding would write what it has as values, and it be read again.
            found = self._program.input_text("\n".join(events)).all()
        except (ValueError, RecursionError):
            return [self.evaluate(event, rounded=True) for event in events]
        # An expression that ends the whole program (`halt`, `input`) leaves too few, or none.
        if len(found) != len(events):
            return [self.evaluate(event, rounded=True) for event in events]
        try:
            return [self._outcomes(as_stored(raw)) for raw in found]
        except RecursionError:
            raise EventError("nested too deeply") from None

    def _combine(self) -> str:
        return (
            HIDE_ENVIRONMENT
            + ". as $event | ["
            + ",\n".join(
                _mapping_program(mapping, found)
                for mapping, found in zip(self._mappings, self._expressions, strict=True)
            )
            + "]"
        )

    def _evaluate_singly(self, event: str) -> Any:
        """Evaluate each expression as a program of its own, for those that end the whole one."""
        return as_stored([evaluate_singly(mapping, event) for mapping in self._mappings])

    def _outcomes(self, raw: Any) -> list[Outcome]:
        found: list[Outcome] = []
        for reader, several, results in zip(self._readers, self._several, raw, strict=True):
            for position, result in enumerate(results):
                item = position if several and "items" not in result else None
                found.append(reader.read(item, result))
        return found


def _mapping_program(mapping: Mapping[str, Any], found: Sequence[Expression]) -> str:
    """Return jq text that gives a list with one `{filter, fields}` per item of `$event`."""
    guards = {expression.field: guard(expression) for expression in found}
    items, condition = guards.pop("itemsToParse", ""), guards.pop("filter", "[true]")
    one = (
        f"({condition}) as $filter | {{filter: $filter, "
        f"fields: (if $filter == [true] then [{', '.join(guards.values())}] else null end)}}"
    )
    if "itemsToParse" not in mapping:
        return f"[$event | {one}]"
    return (
        f"($event | {items or '[null]'}) as $items "
        '| if ($items | type) == "array" and ($items[0] | type) == "array" '
        f"then [$items[0][:{MAX_ITEMS}][] | . as $item | ($event + {{item: $item}}) | {one}] "
        "else [{items: $items}] end"
    )


def guard(expression: Expression) -> str:
    """Return jq text that gives `[first output]`, `[]` for none, or `{error: message}`."""
    problem = compile_error(expression.text)
    if problem:
        return "{error: " + json.dumps(f"does not compile: {problem}") + "}"
    text = requoted(expression.text)
    answer = f"[({text}{END}]" if gives_one_output(text) else f"[first(({text}{END})]"
    return f'(try {answer} catch {{error: (if type == "string" then . else tojson end)}})'


def evaluate_singly(
    mapping: Mapping[str, Any], event: str, watch: Callable[[str], None] = lambda _field: None
) -> list[dict[str, Any]]:
    """Evaluate each expression of a mapping as a program of its own: slow, but none harms another.

    `watch` is called with the field of each one before it is evaluated.
    """

    def evaluate(expression: Expression, one: str) -> list[Any] | dict[str, str]:
        watch(expression.field)
        return _evaluate_one(expression, one)

    results = {expression.field: expression for expression in expressions(mapping)}
    items, condition = results.pop("itemsToParse", None), results.pop("filter", None)
    events = [event]
    if items is not None:
        parsed = evaluate(items, event)
        if not isinstance(parsed, list) or not parsed or not isinstance(parsed[0], list):
            return [{"items": parsed}]
        events = [json.dumps({**json.loads(event), "item": item}) for item in parsed[0][:MAX_ITEMS]]
    elif "itemsToParse" in mapping:
        return [{"items": [None]}]
    answers = []
    for one in events:
        passed = [True] if condition is None else evaluate(condition, one)
        fields = [evaluate(e, one) for e in results.values()] if is_only(passed, True) else None
        answers.append({"filter": passed, "fields": fields})
    return answers


def _evaluate_one(expression: Expression, event: str) -> list[Any] | dict[str, str]:
    problem = compile_error(expression.text)
    if problem:
        return {"error": f"does not compile: {problem}"}
    # Only the first output is asked for: there may be infinitely many.
    program = f"{HIDE_ENVIRONMENT}first(({requoted(expression.text)}{END})"
    try:
        text = jq.compile(program).input_text(event).text()
    except ValueError as error:
        return {"error": first_message(str(error))}
    return [json.loads(text.split("\n", 1)[0])] if text else []


def _is_unreadable(event: str) -> bool:
    try:
        jq.compile(".").input_text(event).first()
    except (ValueError, StopIteration):
        return True
    return False
