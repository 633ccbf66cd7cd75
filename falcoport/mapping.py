"""Port's webhook mapping, evaluated with libjq as Port's own integrations do.

How Port treats an expression is taken from its published JQ binding (jq-node-bindings, `lib/jq.js`)
and, where a webhook's own behaviour is not documented, from its integration framework (Ocean,
`jq_entity_processor.py`):

- a `'` at the edge of a word is read as `"`;
- the environment is hidden: `env` and `$ENV` are empty;
- the first output counts; no output means "not sent"; an error means null;
- a filter lets an event through only if it gives exactly `true`;
- an entity whose identifier is null or empty is dropped.

Pure: text and values in, values out.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jq

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MAX_ITEMS = 500
"""How many elements of `itemsToParse` Port handles (docs: "Webhook", limits)."""

_QUOTE_AT_WORD_EDGE = re.compile(r"(^|\s)'(?!\s|\")|(?<![\s\"])'(\s|$)")
_HIDE_ENVIRONMENT = "def env: {}; {} as $ENV | "
# A comment at an expression's end must not swallow the bracket behind it; two line ends, since a
# backslash at a comment's end continues it on the next line.
_END = "\n\n)"
# Loops, definitions, products (of texts too), regular expressions, and whatever can make a list as
# long as a number says.
_UNBOUNDED = re.compile(
    r"\*|(?<![=!<>])=(?!=)|\d{5}|\d[eE]|\b(?:combinations|def|foreach|implode|import|include|input"
    r"|inputs|limit|match|capture|pow|range|recurse|recurse_down|reduce|repeat|scan|setpath|split"
    r"|splits|sub|gsub|test|transpose|until|while|getpath|paths|pick|skip|nth|tojson"
    r"|exp10|exp2)\b"
)
_PLAIN_PATH = re.compile(r"(?:\.[A-Za-z_]\w*)+", re.ASCII)
_CATCH = 'catch {error: (if type == "string" then . else tojson end)}'


@dataclass(frozen=True)
class FieldError:
    """One expression that failed: its place in the mapping, its text, and what jq said."""

    field: str
    expression: str
    message: str


@dataclass(frozen=True)
class Outcome:
    """What one mapping made of one event, or of one item of it.

    `entity` is a JSON object with `identifier` and, where mapped, `title`, `icon`, `team`,
    `properties` and `relations`; it is None where nothing is stored, and `skipped` then says why.
    `mapping` counts the webhook's mappings from 0, `item` the elements of `itemsToParse`.
    A failed property or relation is null in the entity and listed in `errors`.
    """

    mapping: int
    blueprint: str
    operation: str
    entity: dict[str, Any] | None
    skipped: str = ""
    errors: tuple[FieldError, ...] = ()
    item: int | None = None
    delete_dependents: bool = True


@dataclass(frozen=True)
class Expression:
    """A JQ expression and its place in a mapping, such as `entity.properties.rule`."""

    field: str
    text: str


class EventError(ValueError):
    """The event is not JSON that libjq can read."""


def program_text(expression: str) -> str:
    """Return the jq program that Port runs for a mapping's expression."""
    return _HIDE_ENVIRONMENT + _QUOTE_AT_WORD_EDGE.sub(_double_quote, expression)


def _double_quote(match: re.Match[str]) -> str:
    return f'{match[1] or ""}"{match[2] or ""}'


def compile_error(expression: str) -> str:
    """Return what jq says against an expression's syntax; empty if it compiles."""
    if "\0" in expression:
        return "holds a NUL character"
    try:
        jq.compile(program_text(expression))
    except (ValueError, UnicodeEncodeError) as error:
        return _first_message(str(error))
    return ""


def _first_message(text: str) -> str:
    line = text.strip().splitlines()[0] if text.strip() else "jq cannot compile it"
    line = line.removeprefix("jq: error: ")
    return re.sub(r" at <top-level>, line \d+(, column \d+)?:?$", "", line)


def is_bounded(expression: str) -> bool:
    """Tell whether an expression surely ends soon, in memory in proportion to its event.

    Cautious: a word inside a text counts as well.
    """
    return _UNBOUNDED.search(expression) is None


def is_delete(operation: object) -> bool:
    """Tell whether a mapping's `operation` is the delete one, in either of its two spellings."""
    if isinstance(operation, dict):
        operation = operation.get("type")
    return operation == "delete"


def expressions(mapping: Mapping[str, Any]) -> list[Expression]:
    """List every JQ expression of one mapping, with its place, in the order Port reads them.

    Things of a wrong type are passed over: saying so is the manifest check's part.
    """
    found = [
        Expression(key, mapping[key])
        for key in ("itemsToParse", "filter")
        if isinstance(mapping.get(key), str)
    ]
    entity = mapping.get("entity")
    if isinstance(entity, dict):
        for key in ("identifier", "title", "icon", "team"):
            found.extend(_leaves(f"entity.{key}", entity.get(key)))
        for group in ("properties", "relations"):
            members = entity.get(group)
            if isinstance(members, dict):
                for name, value in members.items():
                    found.extend(_leaves(f"entity.{group}.{name}", value))
    return found


def _leaves(field: str, value: object) -> Iterable[Expression]:
    """Yield the expressions of a field: itself, or the JQ texts inside a search query."""
    if isinstance(value, str):
        yield Expression(field, value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(f"{field}.{key}", inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(f"{field}[{index}]", inner)


class Evaluator:
    """The mappings of one webhook, compiled once and evaluated on many events.

    All expressions of all mappings run as one jq program, each guarded on its own, so that an
    event crosses into libjq once however many fields it has.
    """

    def __init__(self, mappings: Sequence[Mapping[str, Any]]) -> None:
        self._mappings = tuple(mappings)
        self._expressions = tuple(tuple(expressions(mapping)) for mapping in mappings)
        self._program = jq.compile(self._combined())

    def evaluate(self, event: str) -> list[Outcome]:
        """Evaluate all mappings on one event.

        `event` is the JSON text of `{"body": …, "headers": …, "queryParams": …}`.
        Raises EventError if it is not JSON or too deeply nested.
        """
        try:
            text = self._program.input_text(event).text()
            if not text and _is_unreadable(event):
                raise EventError("empty")
            # Only an expression that ends the whole program (`halt`, `input`) leaves no line.
            raw = json.loads(text) if text else self._evaluate_apart(event)
        except ValueError as error:
            if _is_unreadable(event):
                raise EventError(_first_message(str(error))) from None
            raw = self._evaluate_apart(event)
        except RecursionError:
            raise EventError("nested too deeply") from None
        return self._outcomes(raw)

    def evaluate_many(self, events: Sequence[str]) -> list[list[Outcome]]:
        """Evaluate all mappings on many events at once; faster than one by one.

        Raises EventError if one of them cannot be read: evaluate them singly to learn which.
        """
        try:
            lines = self._program.input_text("\n".join(events)).text().split("\n")
        except ValueError:
            return [self.evaluate(event) for event in events]
        if len(lines) != len(events):
            return [self.evaluate(event) for event in events]
        try:
            return [self._outcomes(json.loads(line)) for line in lines]
        except RecursionError:
            raise EventError("nested too deeply") from None

    def _combined(self) -> str:
        return (
            _HIDE_ENVIRONMENT
            + ". as $event | ["
            + ",\n".join(
                _mapping_program(mapping, found)
                for mapping, found in zip(self._mappings, self._expressions, strict=True)
            )
            + "]"
        )

    def _evaluate_apart(self, event: str) -> Any:
        """Evaluate each expression as a program of its own, for those that end the whole one."""
        return [
            _evaluate_mapping_apart(mapping, found, event)
            for mapping, found in zip(self._mappings, self._expressions, strict=True)
        ]

    def _outcomes(self, raw: Any) -> list[Outcome]:
        found: list[Outcome] = []
        for index, results in enumerate(raw):
            mapping = self._mappings[index]
            several = "itemsToParse" in mapping
            for position, result in enumerate(results):
                item = position if several and "items" not in result else None
                found.append(_outcome(index, item, mapping, self._expressions[index], result))
        return found


def _mapping_program(mapping: Mapping[str, Any], found: Sequence[Expression]) -> str:
    """Return jq text that gives a list with one `{filter, fields}` per item of `$event`."""
    guards = {expression.field: _guard(expression) for expression in found}
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


def _guard(expression: Expression) -> str:
    """Return jq text that gives `[first output]`, `[]` for none, or `{error: message}`."""
    problem = compile_error(expression.text)
    if problem:
        return "{error: " + json.dumps(f"does not compile: {problem}") + "}"
    # A plain path has one output: not to look for the first of many saves a fifth of the time.
    if _PLAIN_PATH.fullmatch(expression.text):
        return f"(try [{expression.text}] {_CATCH})"
    return (
        f"(try [first(({_QUOTE_AT_WORD_EDGE.sub(_double_quote, expression.text)}{_END})] {_CATCH})"
    )


def _evaluate_mapping_apart(
    mapping: Mapping[str, Any], found: Sequence[Expression], event: str
) -> list[dict[str, Any]]:
    results = {expression.field: expression for expression in found}
    items, condition = results.pop("itemsToParse", None), results.pop("filter", None)
    events = [event]
    if items is not None:
        parsed = _evaluate_one(items, event)
        if not isinstance(parsed, list) or not parsed or not isinstance(parsed[0], list):
            return [{"items": parsed}]
        events = [json.dumps({**json.loads(event), "item": item}) for item in parsed[0][:MAX_ITEMS]]
    elif "itemsToParse" in mapping:
        return [{"items": [None]}]
    answers = []
    for one in events:
        passed = [True] if condition is None else _evaluate_one(condition, one)
        fields = [_evaluate_one(e, one) for e in results.values()] if passed == [True] else None
        answers.append({"filter": passed, "fields": fields})
    return answers


def _evaluate_one(expression: Expression, event: str) -> list[Any] | dict[str, str]:
    problem = compile_error(expression.text)
    if problem:
        return {"error": f"does not compile: {problem}"}
    try:
        text = jq.compile(program_text(expression.text)).input_text(event).text()
    except ValueError as error:
        return {"error": _first_message(str(error))}
    return [json.loads(text.split("\n", 1)[0])] if text else []


def _outcome(
    index: int,
    item: int | None,
    mapping: Mapping[str, Any],
    found: Sequence[Expression],
    result: dict[str, Any],
) -> Outcome:
    """Turn one evaluated `{filter, fields}` into what Port would store."""
    operation = mapping.get("operation")
    delete = is_delete(operation)
    dependents = operation.get("deleteDependents", True) if isinstance(operation, dict) else True

    def outcome(
        entity: dict[str, Any] | None, skipped: str, errors: Iterable[FieldError]
    ) -> Outcome:
        return Outcome(
            mapping=index,
            blueprint=str(mapping.get("blueprint", "")),
            operation="delete" if delete else "create",
            entity=entity,
            skipped=skipped,
            errors=tuple(errors),
            item=item,
            delete_dependents=bool(dependents),
        )

    texts = {expression.field: expression.text for expression in found}
    if "items" in result:
        skipped, errors = _refused("itemsToParse", "a list", result["items"], texts)
        return outcome(None, skipped, errors)
    if result["fields"] is None:
        skipped, errors = _refused("filter", "true", result["filter"], texts)
        return outcome(None, skipped, errors)
    fields = [e.field for e in found if e.field not in ("filter", "itemsToParse")]
    answers = dict(zip(fields, result["fields"], strict=True))
    failed = [
        FieldError(field, texts[field], answer["error"])
        for field, answer in answers.items()
        if isinstance(answer, dict)
    ]
    entity = _entity(mapping["entity"], answers) if isinstance(mapping.get("entity"), dict) else {}
    identifier = entity.get("identifier")
    if isinstance(identifier, dict):
        return outcome(entity, "", failed)
    if not isinstance(identifier, str) or not identifier:
        return outcome(None, f"the identifier is {_shown(identifier)}", failed)
    return outcome(entity, "", failed)


def _refused(
    field: str, wanted: str, answer: Any, texts: Mapping[str, str]
) -> tuple[str, tuple[FieldError, ...]]:
    if isinstance(answer, dict):
        message = answer["error"]
        return f"{field} failed", (FieldError(field, texts.get(field, ""), message),)
    if field == "filter" and answer == [False]:
        return "filter is false", ()
    given = _shown(answer[0]) if answer else "nothing"
    return f"{field} gives {given}, not {wanted}", ()


def _shown(value: object) -> str:
    """Name a JSON value in a sentence, short enough for a table."""
    if value == "":
        return "empty"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


_SHOWN = 60
_ABSENT = object()


def _entity(template: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Put the answers where the expressions stood; what gave no output is left out."""
    entity: dict[str, Any] = {}
    for key in ("identifier", "title", "icon", "team"):
        value = _filled(f"entity.{key}", template.get(key), answers)
        if value is not _ABSENT and value is not None:
            entity[key] = value
    for group in ("properties", "relations"):
        members = template.get(group)
        if isinstance(members, dict):
            values = {
                name: _filled(f"entity.{group}.{name}", member, answers)
                for name, member in members.items()
            }
            entity[group] = {name: v for name, v in values.items() if v is not _ABSENT}
    return entity


def _filled(field: str, template: object, answers: Mapping[str, Any]) -> Any:
    if isinstance(template, str):
        answer = answers[field]
        if isinstance(answer, dict):
            return None
        return answer[0] if answer else _ABSENT
    if isinstance(template, dict):
        filled = {k: _filled(f"{field}.{k}", v, answers) for k, v in template.items()}
        return {k: v for k, v in filled.items() if v is not _ABSENT}
    if isinstance(template, list):
        each = [_filled(f"{field}[{i}]", v, answers) for i, v in enumerate(template)]
        return [v for v in each if v is not _ABSENT]
    return _ABSENT if template is None else template


def _is_unreadable(event: str) -> bool:
    try:
        jq.compile(".").input_text(event).first()
    except (ValueError, StopIteration):
        return True
    return False
