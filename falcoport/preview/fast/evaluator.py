"""The mappings of one webhook, evaluated on many bodies that are parsed already: fast."""

from __future__ import annotations

import json
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import jq

from falcoport.mapping.evaluator import guard
from falcoport.mapping.expressions import (
    GROUPS,
    HIDE_ENVIRONMENT,
    Expression,
    expressions,
    is_always_true,
    requoted,
)
from falcoport.mapping.numbers import as_stored
from falcoport.mapping.outcomes import (
    FieldError,
    Outcome,
    ResultReader,
    build_outcome,
    fill_entity,
    is_only,
    read_target,
)
from falcoport.preview.fast.jq_analysis import fields_read, plain_path
from falcoport.preview.fast.known_reads import TWINS, Reads, find_reads
from falcoport.preview.plain import BodyEvaluator

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence


class FastBodyEvaluator:
    """The mappings of one webhook, evaluated on many bodies that are parsed already.

    The same results as those of `plain.BodyEvaluator`, several times faster: an expression that is
    nothing but a path is read here, and libjq is handed only those members of a body that the
    other expressions can read.
    """

    def __init__(
        self,
        mappings: Sequence[Mapping[str, Any]],
        *,
        repeating: Collection[str] = (),
        shipped: Collection[str] = (),
    ) -> None:
        """Compile the mappings.

        `repeating` are members of a body that have few different values: what is computed from
        those alone is computed once for each. `shipped` are expressions that ship with falcoport.
        """
        self._plain = BodyEvaluator(mappings)
        self._able = all("itemsToParse" not in mapping for mapping in mappings)
        self._encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
        texts = dict.fromkeys(t for mapping in mappings for t in _compute_texts(mapping))
        self._twins = [TWINS[text] for text in texts if text in TWINS]
        self._groups = _group(text for text in texts if text in shipped and text not in TWINS)
        self._values = _ValueReader(self._groups)
        grouped = {text for group in self._groups for text in group.texts}
        others = [text for text in texts if text not in TWINS and text not in grouped]
        repeated = [text for text in others if _reads_only(text, repeating)]
        fresh = [text for text in others if text not in repeated]
        self._fresh = _Computation(fresh)
        self._repeated = _Computation(repeated)
        self._known: dict[tuple[Any, ...], list[Any]] = {}
        ordered = [*fresh, *repeated, *(text for group in self._groups for text in group.texts)]
        ordered += [text for text in texts if text in TWINS]
        place = {text: index for index, text in enumerate(ordered)}
        self._compiled = tuple(
            CompiledMapping(index, mapping, place) for index, mapping in enumerate(mappings)
        )

    @property
    def reads_everything(self) -> bool:
        """Whether libjq sees the whole event, so that even the order of keys may matter."""
        return not self._able or self._fresh.members is None

    def may_read(self, member: str) -> bool:
        """Tell whether any expression may read this member of the body."""
        return self.computes_with(member) or any(
            member == path[0] for compiled in self._compiled for path in compiled.plain
        )

    def computes_with(self, member: str) -> bool:
        """Tell whether an expression that is more than a path may read this member."""
        if self.reads_everything:
            return True
        return any(member in (part.members or ()) for part in (self._fresh, self._repeated))

    def evaluate(self, bodies: Sequence[dict[str, Any]]) -> list[list[Outcome]]:
        """Evaluate all mappings on each body.

        Numbers are as JavaScript keeps them, hence as Port stores them. Raise EventError.
        """
        if not self._able:
            return self._plain.evaluate(bodies)
        fresh = self._compute(self._fresh, bodies)
        repeated = self._look_up(bodies)
        shipped = self._compute_shipped(bodies)
        if fresh is None or repeated is None or shipped is None:
            return [self._plain.evaluate_one(body) for body in bodies]
        return [
            self._outcomes(body, [*one, *other, *more])
            for body, one, other, more in zip(bodies, fresh, repeated, shipped, strict=True)
        ]

    def _compute_shipped(self, bodies: Sequence[dict[str, Any]]) -> list[list[Any]] | None:
        """Return the answers of expressions that ship; None where libjq must see the whole."""
        answers: list[list[Any]] = [[] for _ in bodies]
        if self._groups:
            values = [self._values.read(body) for body in bodies]
            complete = [one for one in values if one is not None]
            if len(complete) < len(values):
                return None
            for group in self._groups:
                found = group.answers(complete, bodies, self._plain.event)
                if found is None:
                    return None
                for one, more in zip(answers, found, strict=True):
                    one.extend(more)
        for twin in self._twins:
            for body, one in zip(bodies, answers, strict=True):
                answer = twin(body)
                if answer is None:
                    return None
                one.append(answer)
        return answers

    def _compute(
        self, computation: _Computation, bodies: Sequence[dict[str, Any]]
    ) -> list[list[Any]] | None:
        """Return libjq's answers for each body; None where an expression ended the program."""
        members = computation.members
        if not computation.texts:
            return [[] for _ in bodies]
        if members is None:
            events = [self._plain.event(body) for body in bodies]
        else:
            events = [
                {"body": {name: body[name] for name in members if name in body}} for body in bodies
            ]
        try:
            found = computation.program.input_text(self._encode(events)).all()
        except (ValueError, RecursionError):
            return None
        return found if len(found) == len(bodies) else None

    def _look_up(self, bodies: Sequence[dict[str, Any]]) -> list[list[Any]] | None:
        """Return the answers that few members decide, from earlier ones where there are."""
        members = self._repeated.members or ()
        keys = [tuple(_key(body.get(name)) for name in members) for body in bodies]
        new = {key: body for key, body in zip(keys, bodies, strict=True) if key not in self._known}
        if len(self._known) + len(new) > _MOST_KNOWN:
            self._known.clear()
            new = dict(zip(keys, bodies, strict=True))
        answers = self._compute(self._repeated, list(new.values()))
        if answers is None:
            return None
        self._known.update(zip(new, answers, strict=True))
        return [self._known[key] for key in keys]

    def _outcomes(self, body: dict[str, Any], answers: list[Any]) -> list[Outcome]:
        found = []
        for index, compiled in enumerate(self._compiled):
            outcome = compiled.outcome(body, answers)
            found.append(self._plain.evaluate_one(body)[index] if outcome is None else outcome)
        return found


_MOST_KNOWN = 10_000


_Values = dict[Any, Any]
"""What is known of a body by output field and, as a pair, by member."""

_MEMBERS = ("tags", "rule", "priority", "source", "hostname")


class _ValueReader:
    """Reads from bodies what the expressions that ship look at, as parts of keys."""

    def __init__(self, groups: Sequence[_Group]) -> None:
        fields = dict.fromkeys(name for group in groups for name in group.fields)
        self._absent: _Values = {**fields, ("", ""): None}
        self._members = [
            member for member in _MEMBERS if any(member in group.members for group in groups)
        ]

    def read(self, body: Mapping[str, Any]) -> _Values | None:
        """Return the values of a body; None for one of another shape."""
        fields = body.get("output_fields")
        if type(fields) is not dict:
            return None
        absent = self._absent
        values = absent | fields
        for name, value in fields.items():
            if value is not None and type(value) is not str and name in absent:
                values[name] = _key(value)
        for member in self._members:
            values[member, ""] = _key(body.get(member))
        return values


class _Group:
    """Expressions that ship and read the same few things: computed once for each of the values."""

    def __init__(self, reads: Reads, texts: Sequence[str]) -> None:
        self.texts = tuple(texts)
        self.members = sorted(reads.members - {"output_fields"})
        self.fields = sorted(reads.fields)
        keys: list[Any] = [*((member, "") for member in self.members), *self.fields]
        # At least two, so that a getter gives a tuple.
        self._key = itemgetter(*keys, *[("", "")] * (2 - len(keys)))
        guards = ",".join(guard(Expression("", text)) for text in texts)
        self._program = jq.compile(f"{HIDE_ENVIRONMENT}.[] | [{guards}]")
        self._known: dict[tuple[Any, ...], list[Any]] = {}

    def answers(
        self,
        values: Sequence[_Values],
        bodies: Sequence[Mapping[str, Any]],
        make_event: Callable[[dict[str, Any]], dict[str, Any]],
    ) -> list[list[Any]] | None:
        """Return libjq's answers for each body; None where an expression ended the program."""
        keys = list(map(self._key, values))
        known = self._known
        new = {key: body for key, body in zip(keys, bodies, strict=True) if key not in known}
        if len(known) + len(new) > _MOST_KNOWN:
            known.clear()
            new = dict(zip(keys, bodies, strict=True))
        if new:
            events = [make_event(self._cut(body)) for body in new.values()]
            try:
                found = self._program.input_text(json.dumps(events, ensure_ascii=False)).all()
            except (ValueError, RecursionError):
                return None
            if len(found) != len(new):
                return None
            # Numbers are as Port stores them from here on, as in every answer.
            known.update(zip(new, as_stored(found), strict=True))
        return [known[key] for key in keys]

    def _cut(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the expressions read of a body."""
        cut = {member: body[member] for member in self.members if member in body}
        fields = body["output_fields"]
        cut["output_fields"] = {name: fields[name] for name in self.fields if name in fields}
        return cut


def _group(shipped: Iterable[str]) -> list[_Group]:
    """Group expressions by what they read; one that reads a part of it joins a larger group."""
    reads = {text: found for text in shipped if (found := find_reads(text)) is not None}
    groups: list[tuple[Reads, list[str]]] = []
    # Where an alert happened is one group: a cluster has so many pods, images and accounts.
    places = [text for text, found in reads.items() if found.is_place]
    if places:
        groups.append((Reads.union(reads[text] for text in places), places))
    few = [text for text, found in reads.items() if found.has_few_values and not found.is_place]
    for text in sorted(few, key=lambda t: (-len(reads[t].fields), -len(reads[t].members), t)):
        home = next((texts for found, texts in groups if found.covers(reads[text])), None)
        if home is None:
            groups.append((reads[text], [text]))
        else:
            home.append(text)
    return [_Group(found, texts) for found, texts in groups]


def _key(value: Any) -> Any:
    """Return what tells a value from others as a key: in Python 1, 1.0 and True are one."""
    if type(value) is list and all(type(inner) is str for inner in value):
        return tuple(value)
    return value if value is None or type(value) is str else (json.dumps(value), "")


def _reads_only(expression: str, members: Collection[str]) -> bool:
    found = fields_read(expression)
    return found is not None and found <= set(members)


def _compute_texts(mapping: Mapping[str, Any]) -> list[str]:
    """List the expressions of a mapping that are more than a path, for libjq to compute."""
    return [e.text for e in expressions(mapping) if not _path_of(e) and not is_always_true(e)]


def _path_of(expression: Expression) -> tuple[str, ...]:
    return plain_path(requoted(expression.text))


class _Computation:
    """Expressions that libjq computes together, and the members of a body they may read.

    `members` is None where that may be the whole event.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = tuple(texts)
        self.members = _members(texts)
        guards = ",".join(guard(Expression("", text)) for text in texts)
        self.program = jq.compile(f"{HIDE_ENVIRONMENT}.[] | [{guards}]")


def _members(expressions: Iterable[str]) -> frozenset[str] | None:
    """Return the members of a body that any of these expressions may read; None for all."""
    found: frozenset[str] = frozenset()
    for expression in expressions:
        members = fields_read(requoted(expression))
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


class CompiledMapping:
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
        # Most properties are one member of the body: those are copied without further ado, and
        # the others have their place between them (None is no member of a body).
        self._copied: dict[str, list[tuple[str, str | None]]] = {
            group: [
                (slot.key, slot.path[0] if len(slot.path) == 1 else None)
                for slot in slots
                if self._is_flat and slot.group == group
            ]
            for group in GROUPS
            if isinstance(entity, dict) and isinstance(entity.get(group), dict)
        }
        if self._is_flat:
            self._slots = [s for s in self._slots if not (s.group and len(s.path) == 1)]
        self._target = read_target(mapping)
        self._reader = ResultReader(self._index, mapping, self._found)

    def outcome(self, body: dict[str, Any], computed: list[Any]) -> Outcome | None:
        """Return what the mapping makes of a body; None where a path leads through no object."""
        passed = [True] if self._filter is None else self._answer(self._filter, body, computed)
        if passed is NEEDS_JQ:
            return None
        if not is_only(passed, True):
            raw: dict[str, Any] = {"filter": passed, "fields": None}
            return self._reader.read(None, raw)
        answers = [self._answer(slot, body, computed) for slot in self._slots]
        failed = []
        for slot, answer in zip(self._slots, answers, strict=True):
            if answer is NEEDS_JQ:
                return None
            if type(answer) is dict:
                expression = slot.expression
                failed.append(FieldError(expression.field, expression.text, answer["error"]))
        if self._is_flat:
            entity = self._flat(body, answers)
        else:
            named = {slot.expression.field: a for slot, a in zip(self._slots, answers, strict=True)}
            entity = fill_entity(self._mapping["entity"], named)
        return build_outcome(self._index, None, self._target, entity, failed)

    def _answer(self, slot: _Slot, body: Any, computed: list[Any]) -> Any:
        """Return `[value]`, `[]` or `{"error": …}`, as libjq's guard does; or NEEDS_JQ."""
        if slot.path:
            for key in slot.path:
                if body is None:
                    break
                if type(body) is not dict:
                    return NEEDS_JQ
                body = body.get(key)
            return [body]
        if slot.place < 0:
            return [True]
        answer = computed[slot.place]
        if type(answer) is dict or not answer or type(answer[0]) is str:
            return answer
        return as_stored(answer)

    def _flat(self, body: dict[Any, Any], answers: list[Any]) -> dict[str, Any]:
        """Put the answers where the expressions stood, in an entity without search queries."""
        entity: dict[str, Any] = {}
        groups: dict[str, dict[str, Any]] = {
            group: {key: body.get(member) for key, member in pairs}
            for group, pairs in self._copied.items()
        }
        for slot, answer in zip(self._slots, answers, strict=True):
            value = answer[0] if answer and type(answer) is list else None
            if not slot.group:
                if value is not None:
                    entity[slot.key] = value
            elif answer:
                groups[slot.group][slot.key] = value
            else:
                del groups[slot.group][slot.key]
        return entity | groups


def _position(field: str) -> tuple[str, str]:
    """Return the group and key of a field such as `entity.properties.rule`."""
    _, _, inside = field.partition(".")
    group, _, key = inside.partition(".")
    return (group, key) if group in GROUPS else ("", inside)


NEEDS_JQ: Any = object()
