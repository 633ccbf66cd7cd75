"""What a Falcosidekick may have changed of an alert on its way, by its own settings.

`CUSTOMTAGS` adds tags, `CUSTOMFIELDS` and `TEMPLATEDFIELDS` add text fields, `BRACKETREPLACER`
renames `proc.aname[2]`, `OUTPUTFIELDFORMAT` writes another text around the rule's. None of that is
a fault of the chain, so the alert as it must have been forwarded is read back from what is stored.
Pure.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from falcoport.json_types import Json


_BEFORE_MESSAGE = re.compile(r"^[0-9:.TZ+-]+: [A-Z][a-z]+ ")


@dataclass(frozen=True)
class Rewritten:
    """The body as Falcosidekick must have sent it, and what it changed, in words."""

    body: Json
    changes: tuple[str, ...]


def read_back(sent: bytes, made: Mapping[str, Any], stored: Mapping[str, Any]) -> Rewritten:
    """Return the body that explains the entity in the catalog.

    `sent` is the body without any such setting, `made` the properties that the mapping makes of
    it, `stored` those in the catalog. What no setting of Falcosidekick's explains stays as sent.
    """
    body: Json = json.loads(sent)
    changes: list[str] = []
    for member, explain in _READERS.items():
        value = body.get(member)
        for name, property_ in made.items():
            # The property is this member, unchanged: what is stored is what was forwarded.
            if value and _is_copy(property_, value) and name in stored:
                found = explain(value, stored[name])
                if found is not None:
                    body[member], said = found
                    changes += said
                    break
    return Rewritten(body, tuple(changes))


def _is_copy(property_: Any, value: Any) -> bool:
    if isinstance(property_, dict) and isinstance(value, dict):
        return property_.keys() == value.keys()
    return bool(property_ == value)


def _explain_tags(sent: list[Any], stored: Any) -> tuple[Any, list[str]] | None:
    if not isinstance(stored, list) or not all(isinstance(tag, str) for tag in stored):
        return None
    added = [tag for tag in stored if tag not in sent]
    if not added or any(tag not in stored for tag in sent if tag):
        return None
    return sorted({*sent, *added}), [f"adds the tag {tag!r}" for tag in added]


def _explain_fields(sent: Json, stored: Any) -> tuple[Any, list[str]] | None:
    if not isinstance(stored, dict):
        return None
    renamed = {name: _find_renamed(name, stored) for name in sent}
    if None in renamed.values():
        return None
    kept = {new: stored[new] for new in renamed.values() if new is not None}
    added = {
        name: value for name, value in stored.items() if name not in kept and isinstance(value, str)
    }
    changes = [f"adds the field {name}" for name in added]
    changes += [f"calls the field {old} {new}" for old, new in renamed.items() if old != new]
    # Values are compared later, one by one, so those that were sent stay as they were.
    fields = {str(new): sent[old] for old, new in renamed.items()} | added
    return (fields, changes) if changes else None


def _find_renamed(name: str, stored: Json) -> str | None:
    if name in stored or "[" not in name:
        return name if name in stored else None
    pattern = "".join(
        "[^\\]]*?" if part == "[" else "" if part == "]" else re.escape(part)
        for part in re.split(r"([\[\]])", name)
    )
    return next((other for other in stored if re.fullmatch(pattern, other)), None)


def _explain_output(sent: str, stored: Any) -> tuple[Any, list[str]] | None:
    message = _BEFORE_MESSAGE.sub("", sent)
    if not isinstance(stored, str) or stored == sent or message not in stored:
        return None
    return stored, ["writes the output in another form"]


_READERS: dict[str, Callable[[Any, Any], tuple[Any, list[str]] | None]] = {
    "tags": _explain_tags,
    "output_fields": _explain_fields,
    "output": _explain_output,
}
