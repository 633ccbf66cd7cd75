"""What a plan says, or what was done: as a diff for people, as data for scripts, never a secret."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from falcoport.reconcile.changes import Action
from falcoport.render.text import Cell, Style

if TYPE_CHECKING:
    from falcoport.reconcile.changes import Change
    from falcoport.reconcile.plan import Plan
    from falcoport.render.console import Output
    from falcoport.resources.merging import FieldChange

_SECRET_FIELDS = frozenset({"secret", "signatureSecret", "secretValue"})
MASK = "***"
_SHOWN_WIDTH = 90
"""Columns a shown value takes before it is broken into lines."""
_MARKS = {
    Action.CREATE: ("+", Style.GOOD),
    Action.UPDATE: ("~", Style.CHANGED),
    Action.DELETE: ("-", Style.BAD),
    Action.UNCHANGED: ("=", Style.FAINT),
}
_DONE = {
    Action.CREATE: Cell("created", Style.GOOD),
    Action.UPDATE: Cell("updated", Style.CHANGED),
    Action.DELETE: Cell("deleted", Style.BAD),
    Action.UNCHANGED: Cell("unchanged", Style.FAINT),
}


def changes_data(changes: tuple[Change, ...]) -> list[dict[str, Any]]:
    """Return changes as JSON data, in the documented shape of `-o json`; secrets are masked."""
    return [
        {
            "resource": change.key.kind,
            "identifier": change.key.identifier,
            **({"owner": change.owner.identifier} if change.owner is not None else {}),
            "action": str(change.action),
            "fields": [
                {
                    "field": changed.field,
                    "from": _mask(changed.field, changed.before),
                    "to": _mask(changed.field, changed.after),
                }
                for changed in change.fields
            ],
        }
        for change in changes
    ]


def plan_data(plan: Plan) -> dict[str, object]:
    """Return a plan as JSON data."""
    return {"pending": plan.pending, "changes": changes_data(plan.changes)}


def show_plan(output: Output, plan: Plan) -> None:
    """Show a plan on stdout: a line per resource and, for updates, each field from and to."""
    counts: dict[Action, int] = {}
    owners = _find_owners(plan.changes)
    for change, owner in zip(plan.changes, owners, strict=True):
        counts[change.action] = counts.get(change.action, 0) + 1
        mark, style = _MARKS[change.action]
        note = f" ({change.note})" if change.note else ""
        output.styled_result(f"{mark} {change.key}{owner}: {change.action}{note}", style)
        if change.action is Action.CREATE:
            _show_created(output, change)
        elif change.action is Action.UPDATE:
            _show_updated(output, change)
    output.note(
        ", ".join(_count(action, counts[action]) for action in _MARKS if action in counts),
        Style.STRONG,
    )
    show_run_costs(output, plan.changes)


def show_changes(output: Output, changes: tuple[Change, ...]) -> None:
    """Show a person what was done to each resource."""
    rows: list[list[Cell | str]] = [
        [
            change.key.kind,
            Cell(change.key.identifier + owner, Style.STRONG),
            Cell(change.note, Style.FAINT) if _is_note_alone(change) else _DONE[change.action],
            _details(change),
        ]
        for change, owner in zip(changes, _find_owners(changes), strict=True)
    ]
    output.table(("", "", "", ""), rows)


def _find_owners(changes: tuple[Change, ...]) -> list[str]:
    """Return what tells each change from others of its name: " of OWNER", nothing where alone."""
    counts = Counter(str(change.key) for change in changes)
    return [
        f" of {change.owner.identifier}"
        if change.owner is not None and counts[str(change.key)] > 1
        else ""
        for change in changes
    ]


def show_run_costs(output: Output, changes: tuple[Change, ...]) -> None:
    """Tell a person which automations are new, since what they do is billed (Port's pricing)."""
    names = [change.key.identifier for change in changes if _is_new_automation(change)]
    if names:
        acts = "acts" if len(names) == 1 else "act"
        output.note(
            f"Port counts a run, which its plans bill, each time that {', '.join(names)} {acts}."
        )


def _is_new_automation(change: Change) -> bool:
    triggers = {changed.field: changed.after for changed in change.fields}
    whole = triggers.get("trigger")
    kind = whole.get("type") if isinstance(whole, dict) else triggers.get("trigger.type")
    return change.action is Action.CREATE and kind == "automation"


def _count(action: Action, number: int) -> str:
    return f"{number} unchanged" if action is Action.UNCHANGED else f"{number} to {action}"


def _show_created(output: Output, change: Change) -> None:
    for changed in change.fields:
        if changed.after not in ({}, []):
            value = format_inline(changed.field, changed.after)
            output.styled_result(f"    {changed.field}: {value}")


def _show_updated(output: Output, change: Change) -> None:
    for changed in change.fields:
        output.styled_result(f"    {changed.field}")
        output.styled_result(format_value(changed.field, changed.before, "      - "), Style.BAD)
        output.styled_result(format_value(changed.field, changed.after, "      + "), Style.GOOD)


def _is_note_alone(change: Change) -> bool:
    return change.action is Action.UNCHANGED and bool(change.note)


def _details(change: Change) -> str:
    fields = _collapse_mapping_fields(change.fields) if change.action is Action.UPDATE else []
    notes = [change.note] if change.note and not _is_note_alone(change) else []
    return ", ".join([*fields, *notes])


def _collapse_mapping_fields(fields: tuple[FieldChange, ...]) -> list[str]:
    """Return the names of the changed fields, a mapping that is new as a whole by its own."""
    names = [changed.field for changed in fields]
    added = {
        changed.field.removesuffix("].blueprint") + "]"
        for changed in fields
        if changed.field.endswith("].blueprint") and changed.before is None
    }
    whole = {name: next((one for one in added if name.startswith(one)), name) for name in names}
    return list(dict.fromkeys(whole[name] for name in names))


def format_value(field_path: str, value: Any, lead: str) -> str:
    """Return a value as a person reads it, behind `lead`: strings bare, maps and lists as YAML."""
    value = _mask(field_path, value)
    if value is None:
        return f"{lead}(nothing)"
    if isinstance(value, str) and value and value == value.strip():
        lines = [part for line in value.splitlines() or [value] for part in _fold(line)]
    elif isinstance(value, dict | list) and value:
        import yaml

        text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=_SHOWN_WIDTH)
        lines = text.splitlines()
    else:
        lines = [json.dumps(value, ensure_ascii=False)]
    indent = " " * len(lead)
    return "\n".join(f"{lead if index == 0 else indent}{line}" for index, line in enumerate(lines))


def _fold(text: str) -> list[str]:
    """Break a long expression in front of its pipes or behind its commas."""
    lines = [""]
    for part in re.split(r"(?= \| )|(?<=, )", text):
        if lines[-1] and len(lines[-1]) + len(part) > _SHOWN_WIDTH:
            lines[-1] = lines[-1].rstrip()
            lines.append(part.removeprefix(" "))
        else:
            lines[-1] += part
    return lines


def format_inline(field_path: str, value: Any) -> str:
    """Return a value as a person reads it, on one line."""
    value = _mask(field_path, value)
    if isinstance(value, str) and value.isprintable() and value == value.strip() != "":
        return value
    return json.dumps(value, ensure_ascii=False)


def _mask(field_path: str, value: Any) -> Any:
    """Return a value without any secret in it."""
    if value is not None and field_path.rsplit(".", 1)[-1] in _SECRET_FIELDS:
        return MASK
    if isinstance(value, dict):
        return {key: _mask(key, member) for key, member in value.items()}
    return value
