"""Triage: buttons that set the status, and who may press what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.commands.extras.subject import ALERT, STATUS, Parts, Subject, refuse, rename
from falcoport.manifests.action import ACTION
from falcoport.manifests.extra_names import Extra
from falcoport.manifests.loading import load_document
from falcoport.mapping.finding_expressions import BLUEPRINT as FINDING
from falcoport.resources.action import Action
from falcoport.resources.permissions import Permissions

if TYPE_CHECKING:
    from falcoport.json_types import Json

_BUTTONS = ("acknowledge", "resolve", "false_positive", "reopen")


def build_triage(subject: Subject) -> Parts:
    """Return the buttons and the permission. Raise UsageError where there is no status to set."""
    if not subject.has_status:
        raise refuse(
            Extra.TRIAGE,
            f"{subject.noun} have no status that people could set",
            "Use --profile standard, or --findings.",
        )
    return _make_parts(subject, (subject.identifier,))


def locate_triage(subject: Subject) -> Parts:
    """Return what Port may have of it, whatever the set-up is about now."""
    return _make_parts(subject, tuple(dict.fromkeys((subject.identifier, ALERT, FINDING))))


def _make_parts(subject: Subject, allowed: tuple[str, ...]) -> Parts:
    buttons = (load_document(ACTION, "actions", "triage", f"{name}.yaml").body for name in _BUTTONS)
    return Parts(
        (
            *(
                Action(
                    _fit(rename(body, ALERT, subject.identifier), subject),
                    own_blueprints=(ALERT, FINDING),
                )
                for body in buttons
            ),
            *(Permissions(name, STATUS) for name in allowed),
        )
    )


def _fit(body: Json, subject: Subject) -> Json:
    """Return a button that sets only properties which there are."""
    invocation = body["invocationMethod"]
    mapping = invocation["mapping"]
    known = {name: one for name, one in mapping["properties"].items() if name in subject.properties}
    return {
        **body,
        "invocationMethod": {**invocation, "mapping": {**mapping, "properties": known}},
    }
