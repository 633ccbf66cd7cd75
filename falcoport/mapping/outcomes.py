"""What a mapping makes of an event: the entity, what failed, and why nothing is stored."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.mapping.expressions import GROUPS, Expression, is_delete

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


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


class EventError(ValueError):
    """The event is not JSON that libjq can read."""


@dataclass(frozen=True)
class Target:
    """What a mapping is for: a blueprint's entities, which it creates or deletes."""

    blueprint: str
    operation: str
    delete_dependents: bool


def read_target(mapping: Mapping[str, Any]) -> Target:
    """Return a mapping's target; a deletion takes dependents along unless told otherwise (docs)."""
    operation = mapping.get("operation")
    dependents = operation.get("deleteDependents", True) if isinstance(operation, dict) else True
    return Target(
        str(mapping.get("blueprint", "")),
        "delete" if is_delete(operation) else "create",
        bool(dependents),
    )


class ResultReader:
    """Turns what one mapping's program gave into what Port would store."""

    def __init__(self, index: int, mapping: Mapping[str, Any], found: Sequence[Expression]) -> None:
        """Read results of the mapping number `index`, whose expressions are `found`."""
        self._index = index
        self._target = read_target(mapping)
        self._texts = {expression.field: expression.text for expression in found}
        # Two may have one name: `{"a.b": …}` and `{"a": {"b": …}}`.
        self._fields = [e.field for e in found if e.field not in ("filter", "itemsToParse")]
        self._template = mapping.get("entity")

    def read(self, item: int | None, result: dict[str, Any]) -> Outcome:
        """Return the outcome of one evaluated `{filter, fields}`, of item `item` if of several."""
        if "items" in result:
            return self._skip(item, "itemsToParse", "a list", result["items"])
        if result["fields"] is None:
            return self._skip(item, "filter", "true", result["filter"])
        answers = dict(zip(self._fields, result["fields"], strict=True))
        failed = [
            FieldError(field, self._texts[field], answer["error"])
            for field, answer in answers.items()
            if type(answer) is dict
        ]
        template = self._template
        entity = fill_entity(template, answers) if isinstance(template, dict) else {}
        return build_outcome(self._index, item, self._target, entity, failed)

    def _skip(self, item: int | None, field: str, wanted: str, answer: Any) -> Outcome:
        skipped, errors = _explain(field, wanted, answer, self._texts)
        return Outcome(
            mapping=self._index,
            blueprint=self._target.blueprint,
            operation=self._target.operation,
            entity=None,
            skipped=skipped,
            errors=errors,
            item=item,
            delete_dependents=self._target.delete_dependents,
        )


def build_outcome(
    index: int,
    item: int | None,
    target: Target,
    entity: dict[str, Any],
    failed: Sequence[FieldError],
) -> Outcome:
    """Return the outcome of a mapping whose filter passed: without an identifier, no entity."""
    identifier = entity.get("identifier")
    missing = not identifier or not isinstance(identifier, str | dict)
    return Outcome(
        index,
        target.blueprint,
        target.operation,
        None if missing else entity,
        f"the identifier is {_show(identifier)}" if missing else "",
        tuple(failed),
        item,
        target.delete_dependents,
    )


def is_only(answer: Any, value: bool) -> bool:
    """Tell whether an answer is exactly true or false: in Python 1 equals True."""
    return isinstance(answer, list) and bool(answer) and answer[0] is value


def _explain(
    field: str, wanted: str, answer: Any, texts: Mapping[str, str]
) -> tuple[str, tuple[FieldError, ...]]:
    """Return why a field's answer lets nothing through, and the error if it failed."""
    if isinstance(answer, dict):
        message = answer["error"]
        return f"{field} failed", (FieldError(field, texts.get(field, ""), message),)
    if field == "filter" and is_only(answer, False):
        return "filter is false", ()
    given = _show(answer[0]) if answer else "nothing"
    return f"{field} gives {given}, not {wanted}", ()


def _show(value: object) -> str:
    """Name a JSON value in a sentence, short enough for a table."""
    if value == "":
        return "empty"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


_SHOWN = 60
_ABSENT = object()


def fill_entity(template: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Put the answers where the expressions stood; what gave no output is left out."""
    entity: dict[str, Any] = {}
    for key in ("identifier", "title", "icon", "team"):
        value = _fill(f"entity.{key}", template.get(key), answers)
        if value is not _ABSENT and value is not None:
            entity[key] = value
    for group in GROUPS:
        members = template.get(group)
        if isinstance(members, dict):
            values = {
                name: _fill(f"entity.{group}.{name}", member, answers)
                for name, member in members.items()
            }
            entity[group] = {name: v for name, v in values.items() if v is not _ABSENT}
    return entity


def _fill(field: str, template: object, answers: Mapping[str, Any]) -> Any:
    if isinstance(template, str):
        answer = answers[field]
        if isinstance(answer, dict):
            return None
        return answer[0] if answer else _ABSENT
    if isinstance(template, dict):
        filled = {k: _fill(f"{field}.{k}", v, answers) for k, v in template.items()}
        return {k: v for k, v in filled.items() if v is not _ABSENT}
    if isinstance(template, list):
        each = [_fill(f"{field}[{i}]", v, answers) for i, v in enumerate(template)]
        return [v for v in each if v is not _ABSENT]
    return _ABSENT if template is None else template
