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
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import jq

from falcoport.reach import gives_one_output, members_read, plain_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

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


@lru_cache(maxsize=1024)
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
        for group in _GROUPS:
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
        # An expression that ends the whole program (`halt`, `input`) leaves too few lines, or none.
        if len(lines) != len(events) or "" in lines:
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
        for index, results in enumerate(as_stored(raw)):
            mapping = self._mappings[index]
            several = "itemsToParse" in mapping
            for position, result in enumerate(results):
                item = position if several and "items" not in result else None
                found.append(_outcome(index, item, mapping, self._expressions[index], result))
        return found


class BodyEvaluator:
    """The mappings of one webhook, evaluated on many bodies that are parsed already.

    The same results as Evaluator's, several times faster: an expression that is nothing but a
    path is read here, and libjq is handed only those members of a body that the other expressions
    can read.
    """

    def __init__(
        self,
        mappings: Sequence[Mapping[str, Any]],
        headers: Mapping[str, str],
        *,
        repeating: Collection[str] = (),
    ) -> None:
        """Prepare for bodies that all arrive with the same `headers`.

        `repeating` are members of a body that have few different values: what is computed from
        those alone is computed once for each.
        """
        self._headers = dict(headers)
        self._whole = Evaluator(mappings)
        self._able = all("itemsToParse" not in mapping for mapping in mappings)
        self._encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
        texts = dict.fromkeys(t for mapping in mappings for t in _computed_texts(mapping))
        repeated = [text for text in texts if _reads_only(text, repeating)]
        fresh = [text for text in texts if text not in repeated]
        self._fresh = _Computation(fresh)
        self._repeated = _Computation(repeated)
        self._known: dict[tuple[Any, ...], list[Any]] = {}
        place = {text: index for index, text in enumerate([*fresh, *repeated])}
        self._divided = tuple(
            _Divided(index, mapping, place) for index, mapping in enumerate(mappings)
        )

    @property
    def reads_everything(self) -> bool:
        """Whether libjq sees the whole event, so that even the order of keys may matter."""
        return not self._able or self._fresh.members is None

    def may_read(self, member: str) -> bool:
        """Tell whether any expression may read this member of the body."""
        return self.computes_with(member) or any(
            member == path[0] for divided in self._divided for path in divided.plain
        )

    def computes_with(self, member: str) -> bool:
        """Tell whether an expression that is more than a path may read this member."""
        if self.reads_everything:
            return True
        return any(member in (part.members or ()) for part in (self._fresh, self._repeated))

    def evaluate(self, bodies: Sequence[dict[str, Any]]) -> list[list[Outcome]]:
        """Evaluate all mappings on each body.

        Numbers are as JavaScript keeps them, hence as Port stores them. Raises EventError.
        """
        if not self._able:
            return self._whole.evaluate_many([self._encode(self._event(body)) for body in bodies])
        fresh = self._computed(self._fresh, bodies)
        repeated = self._looked_up(bodies)
        if fresh is None or repeated is None:
            return [self._alone(body) for body in bodies]
        return [
            self._outcomes(body, one + other)
            for body, one, other in zip(bodies, fresh, repeated, strict=True)
        ]

    def _event(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"body": body, "headers": self._headers, "queryParams": {}}

    def _alone(self, body: dict[str, Any]) -> list[Outcome]:
        return self._whole.evaluate(self._encode(self._event(body)))

    def _computed(
        self, computation: _Computation, bodies: Sequence[dict[str, Any]]
    ) -> list[list[Any]] | None:
        """Return libjq's answers for each body; None where an expression ended the program."""
        members = computation.members
        if not computation.texts:
            return [[] for _ in bodies]
        if members is None:
            events = [self._event(body) for body in bodies]
        else:
            events = [
                {"body": {name: body[name] for name in members if name in body}} for body in bodies
            ]
        try:
            found = computation.program.input_text(self._encode(events)).all()
        except (ValueError, RecursionError):
            return None
        return found if len(found) == len(bodies) else None

    def _looked_up(self, bodies: Sequence[dict[str, Any]]) -> list[list[Any]] | None:
        """Return the answers that few members decide, from earlier ones where there are."""
        members = self._repeated.members or ()
        keys = [tuple(_key(body.get(name)) for name in members) for body in bodies]
        new = {key: body for key, body in zip(keys, bodies, strict=True) if key not in self._known}
        if len(self._known) + len(new) > _MOST_KNOWN:
            self._known.clear()
            new = dict(zip(keys, bodies, strict=True))
        answers = self._computed(self._repeated, list(new.values()))
        if answers is None:
            return None
        self._known.update(zip(new, answers, strict=True))
        return [self._known[key] for key in keys]

    def _outcomes(self, body: dict[str, Any], answers: list[Any]) -> list[Outcome]:
        found = []
        for index, divided in enumerate(self._divided):
            outcome = divided.outcome(body, answers)
            found.append(self._alone(body)[index] if outcome is None else outcome)
        return found


_MOST_KNOWN = 10_000


def _key(value: Any) -> Any:
    """Return what tells a value from others as a key: in Python 1, 1.0 and True are one."""
    if type(value) is list and all(type(inner) is str for inner in value):
        return tuple(value)
    return value if value is None or type(value) is str else (json.dumps(value), "")


def _reads_only(expression: str, members: Collection[str]) -> bool:
    found = members_read(expression)
    return found is not None and found <= set(members)


def _computed_texts(mapping: Mapping[str, Any]) -> list[str]:
    """List the expressions of a mapping that are more than a path, for libjq to compute."""
    return [e.text for e in expressions(mapping) if not _path_of(e) and not _is_always_true(e)]


def _path_of(expression: Expression) -> tuple[str, ...]:
    return plain_path(_QUOTE_AT_WORD_EDGE.sub(_double_quote, expression.text))


class _Computation:
    """Expressions that libjq computes together, and the members of a body they may read.

    `members` is None where that may be the whole event.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = tuple(texts)
        self.members = _members(texts)
        guards = ",".join(_guard(Expression("", text)) for text in texts)
        self.program = jq.compile(f"{_HIDE_ENVIRONMENT}.[] | [{guards}]")


def _members(expressions: Iterable[str]) -> frozenset[str] | None:
    """Return the members of a body that any of these expressions may read; None for all."""
    found: frozenset[str] = frozenset()
    for expression in expressions:
        members = members_read(_QUOTE_AT_WORD_EDGE.sub(_double_quote, expression))
        if members is None:
            return None
        found |= members
    return found


@dataclass(frozen=True)
class _Slot:
    """Where an expression's value goes in the entity, and where it comes from.

    `group` is "properties", "relations" or empty; `path` leads into the body, or is empty and
    `place` counts the texts that libjq computes.
    """

    group: str
    key: str
    expression: Expression
    path: tuple[str, ...]
    place: int


class _Divided:
    """One mapping, divided into what a path gives and what libjq computes.

    `place` says where among libjq's answers that of a text is.
    """

    def __init__(self, index: int, mapping: Mapping[str, Any], place: Mapping[str, int]) -> None:
        self._index = index
        self._mapping = mapping
        self._found = expressions(mapping)
        slots = [
            _Slot(*_position(e.field), e, _path_of(e), place.get(e.text, -1)) for e in self._found
        ]
        self.plain = tuple(slot.path for slot in slots if slot.path)
        self._filter = next((slot for slot in slots if slot.expression.field == "filter"), None)
        self._slots = [slot for slot in slots if slot.expression.field != "filter"]
        self._is_flat = all(slot.key and "." not in slot.key for slot in self._slots)
        entity = mapping.get("entity")
        # Most properties are one member of the body: those are copied without further ado.
        self._copied = {
            group: [
                (slot.key, slot.path[0])
                for slot in self._slots
                if self._is_flat and slot.group == group and len(slot.path) == 1
            ]
            for group in _GROUPS
            if isinstance(entity, dict) and isinstance(entity.get(group), dict)
        }
        copied = {(group, key) for group, pairs in self._copied.items() for key, _ in pairs}
        self._slots = [slot for slot in self._slots if (slot.group, slot.key) not in copied]
        self._made = (
            str(mapping.get("blueprint", "")),
            _operation(mapping),
            _delete_dependents(mapping),
        )

    def outcome(self, body: dict[str, Any], computed: list[Any]) -> Outcome | None:
        """Return what the mapping makes of a body; None where a path leads through no object."""
        passed = [True] if self._filter is None else self._answer(self._filter, body, computed)
        if passed is _ASTRAY:
            return None
        if not _is(passed, True):
            raw: dict[str, Any] = {"filter": passed, "fields": None}
            return _outcome(self._index, None, self._mapping, self._found, raw)
        answers = [self._answer(slot, body, computed) for slot in self._slots]
        failed = []
        for slot, answer in zip(self._slots, answers, strict=True):
            if answer is _ASTRAY:
                return None
            if type(answer) is dict:
                expression = slot.expression
                failed.append(FieldError(expression.field, expression.text, answer["error"]))
        if self._is_flat:
            entity = self._flat(body, answers)
        else:
            named = {slot.expression.field: a for slot, a in zip(self._slots, answers, strict=True)}
            entity = _entity(self._mapping["entity"], named)
        return _concluded(self._index, None, self._made, entity, failed)

    def _answer(self, slot: _Slot, body: Any, computed: list[Any]) -> Any:
        """Return `[value]`, `[]` or `{"error": …}`, as libjq's guard does; or _ASTRAY."""
        if slot.path:
            for key in slot.path:
                if body is None:
                    break
                if type(body) is not dict:
                    return _ASTRAY
                body = body.get(key)
            return [body]
        if slot.place < 0:
            return [True]
        answer = computed[slot.place]
        if type(answer) is dict or not answer or type(answer[0]) is str:
            return answer
        return as_stored(answer)

    def _flat(self, body: dict[str, Any], answers: list[Any]) -> dict[str, Any]:
        """Put the answers where the expressions stood, in an entity without search queries."""
        entity: dict[str, Any] = {}
        groups = {
            group: {key: body.get(member) for key, member in pairs}
            for group, pairs in self._copied.items()
        }
        for slot, answer in zip(self._slots, answers, strict=True):
            value = answer[0] if answer and type(answer) is list else None
            if slot.group:
                if answer:
                    groups[slot.group][slot.key] = value
            elif value is not None:
                entity[slot.key] = value
        return entity | groups


_GROUPS = ("properties", "relations")


def _position(field: str) -> tuple[str, str]:
    """Return the group and key of a field such as `entity.properties.rule`."""
    _, _, inside = field.partition(".")
    group, _, key = inside.partition(".")
    return (group, key) if group in _GROUPS else ("", inside)


_ASTRAY: Any = object()


def _is_always_true(expression: Expression) -> bool:
    return expression.field == "filter" and expression.text.strip() == "true"


def as_stored(value: Any) -> Any:
    """Return a JSON value with its whole numbers as JavaScript, and hence Port, writes them."""
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, list):
        return [as_stored(inner) for inner in value]
    if isinstance(value, dict):
        return {key: as_stored(inner) for key, inner in value.items()}
    if isinstance(value, int) and not -_EXACT <= value <= _EXACT:
        return stored_integer(str(value))
    return value


_EXACT = 2**53
_LARGEST = 1.7976931348623157e308
_INTEGER_DIGITS = 15
_EXPONENT_FROM = 1e21  # where JavaScript begins to write an exponent


def stored_integer(text: str) -> int | float:
    """Return the number that Port stores for an integer's JSON text: that of a double."""
    if len(text) <= _INTEGER_DIGITS:
        return int(text)
    return _rounded(float(text))


def stored_float(text: str) -> int | float:
    """Return the number that Port stores for the JSON text of a number with a fraction."""
    value = max(-_LARGEST, min(_LARGEST, float(text)))
    return _rounded(value) if value.is_integer() else value


def _rounded(value: float) -> int | float:
    value = max(-_LARGEST, min(_LARGEST, value))
    if abs(value) >= _EXPONENT_FROM:
        return value
    # JavaScript writes the shortest digits that give this double, then zeros.
    return int(Decimal(repr(value)))


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
    text = _QUOTE_AT_WORD_EDGE.sub(_double_quote, expression.text)
    answer = f"[({text}{_END}]" if gives_one_output(text) else f"[first(({text}{_END})]"
    return f'(try {answer} catch {{error: (if type == "string" then . else tojson end)}})'


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
        fields = [_evaluate_one(e, one) for e in results.values()] if _is(passed, True) else None
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
    if "items" not in result and result["fields"] is not None:
        fields = [e.field for e in found if e.field not in ("filter", "itemsToParse")]
        answers = dict(zip(fields, result["fields"], strict=True))
        return _stored(index, item, mapping, found, answers)
    texts = {expression.field: expression.text for expression in found}
    if "items" in result:
        skipped, errors = _refused("itemsToParse", "a list", result["items"], texts)
    else:
        skipped, errors = _refused("filter", "true", result["filter"], texts)
    return Outcome(
        mapping=index,
        blueprint=str(mapping.get("blueprint", "")),
        operation=_operation(mapping),
        entity=None,
        skipped=skipped,
        errors=errors,
        item=item,
        delete_dependents=_delete_dependents(mapping),
    )


def _stored(
    index: int,
    item: int | None,
    mapping: Mapping[str, Any],
    found: Sequence[Expression],
    answers: Mapping[str, Any],
) -> Outcome:
    """Turn the answers of a mapping's fields into the entity that Port stores, if any."""
    failed = [
        FieldError(expression.field, expression.text, answer["error"])
        for expression in found
        if isinstance(answer := answers.get(expression.field), dict)
    ]
    template = mapping.get("entity")
    entity = _entity(template, answers) if isinstance(template, dict) else {}
    made = str(mapping.get("blueprint", "")), _operation(mapping), _delete_dependents(mapping)
    return _concluded(index, item, made, entity, failed)


def _concluded(
    index: int,
    item: int | None,
    made: tuple[str, str, bool],
    entity: dict[str, Any],
    failed: Sequence[FieldError],
) -> Outcome:
    """Tell whether there is an entity to store; `made` is the blueprint, operation, dependents."""
    blueprint, operation, delete_dependents = made
    identifier = entity.get("identifier")
    missing = not identifier or not isinstance(identifier, str | dict)
    return Outcome(
        index,
        blueprint,
        operation,
        None if missing else entity,
        f"the identifier is {_shown(identifier)}" if missing else "",
        tuple(failed),
        item,
        delete_dependents,
    )


def _operation(mapping: Mapping[str, Any]) -> str:
    return "delete" if is_delete(mapping.get("operation")) else "create"


def _delete_dependents(mapping: Mapping[str, Any]) -> bool:
    operation = mapping.get("operation")
    return bool(operation.get("deleteDependents", True)) if isinstance(operation, dict) else True


def _is(answer: Any, value: bool) -> bool:
    """Tell whether an answer is exactly true or false: in Python 1 equals True."""
    return isinstance(answer, list) and bool(answer) and answer[0] is value


def _refused(
    field: str, wanted: str, answer: Any, texts: Mapping[str, str]
) -> tuple[str, tuple[FieldError, ...]]:
    if isinstance(answer, dict):
        message = answer["error"]
        return f"{field} failed", (FieldError(field, texts.get(field, ""), message),)
    if field == "filter" and _is(answer, False):
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
    for group in _GROUPS:
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
