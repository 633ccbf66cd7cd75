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


def outcome_of(
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
        operation=operation_of(mapping),
        entity=None,
        skipped=skipped,
        errors=errors,
        item=item,
        delete_dependents=deletes_dependents(mapping),
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
    entity = filled_entity(template, answers) if isinstance(template, dict) else {}
    made = str(mapping.get("blueprint", "")), operation_of(mapping), deletes_dependents(mapping)
    return concluded(index, item, made, entity, failed)


def concluded(
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


def operation_of(mapping: Mapping[str, Any]) -> str:
    """Return what a mapping does: "create" or "delete"."""
    return "delete" if is_delete(mapping.get("operation")) else "create"


def deletes_dependents(mapping: Mapping[str, Any]) -> bool:
    """Tell whether a deletion takes those along that depend on the entity (Port docs: it does)."""
    operation = mapping.get("operation")
    return bool(operation.get("deleteDependents", True)) if isinstance(operation, dict) else True


def is_only(answer: Any, value: bool) -> bool:
    """Tell whether an answer is exactly true or false: in Python 1 equals True."""
    return isinstance(answer, list) and bool(answer) and answer[0] is value


def _refused(
    field: str, wanted: str, answer: Any, texts: Mapping[str, str]
) -> tuple[str, tuple[FieldError, ...]]:
    if isinstance(answer, dict):
        message = answer["error"]
        return f"{field} failed", (FieldError(field, texts.get(field, ""), message),)
    if field == "filter" and is_only(answer, False):
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


def filled_entity(template: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Put the answers where the expressions stood; what gave no output is left out."""
    entity: dict[str, Any] = {}
    for key in ("identifier", "title", "icon", "team"):
        value = _filled(f"entity.{key}", template.get(key), answers)
        if value is not _ABSENT and value is not None:
            entity[key] = value
    for group in GROUPS:
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
