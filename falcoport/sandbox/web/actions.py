"""Starting an action from the page: its form, and what is made of what a person fills in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from falcoport.sandbox.automation.definitions import is_automation
from falcoport.sandbox.errors import ApiError, invalid
from falcoport.sandbox.http.resources.action_runs import decide_run, start_run
from falcoport.sandbox.http.routing import Answer, Call
from falcoport.sandbox.options import CLIENT_ID
from falcoport.sandbox.storage.tokens import Caller
from falcoport.sandbox.web.runs import describe_action

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from falcoport.sandbox.http.routing import Handler
    from falcoport.sandbox.web.site import Document, Site, View

_AGENT = "the sandbox's page"
_INPUT_KINDS = {"email": "email", "url": "url"}
_LONG_FORMATS = ("markdown", "multi-line", "yaml")


@dataclass(frozen=True)
class Field:
    """One field of a form; `kind` says which control it is."""

    name: str
    title: str
    description: str
    kind: str
    value: str
    options: tuple[str, ...] = ()
    is_required: bool = False


async def show_action(site: Site, view: View) -> str:
    """Return the form of a self-service action."""
    return _render(site, view, _find(site, view), view.last("entity") or "", {}, "")


async def submit_action(site: Site, view: View, form: Sequence[tuple[str, str]]) -> tuple[int, str]:
    """Start a run with what a form says; return 303 and its address, or 422 and the form again."""
    action = _find(site, view)
    given = dict(form)
    entity = given.get("entity", "")
    try:
        body: Document = {"properties": read_inputs(action, given)}
        if entity:
            body["entity"] = entity
        answer = _write(site, start_run, {"action": action["identifier"]}, body)
    except ApiError as error:
        return error.status, _render(site, view, action, entity, given, error.message)
    return 303, f"/runs/{answer.body['run']['id']}"


async def submit_decision(
    site: Site, view: View, form: Sequence[tuple[str, str]]
) -> tuple[int, str]:
    """Approve or decline a run that waits for it; return 303 and its address."""
    status = "APPROVE" if dict(form).get("decision") == "approve" else "DECLINE"
    _write(site, decide_run, {"run": view.path["run"]}, {"status": status})
    return 303, f"/runs/{view.path['run']}"


def build_fields(action: Document, given: Mapping[str, str]) -> list[Field]:
    """Return the fields of an action's form, in its order, filled in as they were or by default."""
    inputs = action["trigger"].get("userInputs") or {}
    definitions = inputs.get("properties") or {}
    required = inputs.get("required")
    needed = required if isinstance(required, list) else []
    order = [name for name in inputs.get("order") or () if name in definitions]
    return [
        _build_field(name, definitions[name], given, is_required=name in needed)
        for name in dict.fromkeys([*order, *definitions])
    ]


def read_inputs(action: Document, given: Mapping[str, str]) -> Document:
    """Return the values of a form as the API takes them; raise an error for one that is none."""
    definitions = (action["trigger"].get("userInputs") or {}).get("properties") or {}
    values: Document = {}
    for name, definition in definitions.items():
        text = given.get(f"input-{name}", "")
        kind = definition.get("type")
        if kind == "boolean":
            values[name] = bool(text)
        elif text.strip():
            values[name] = _read_value(name, str(kind), text)
    return values


def list_actions(site: Site, blueprint: str) -> list[Document]:
    """Return the self-service actions that can be run on an entity of a blueprint."""
    found = [
        describe_action(stored.document)
        for stored in site.state.documents("action", "Action").all()
    ]
    return [one for one in found if one["needs_entity"] and one["blueprint"] == blueprint]


def _find(site: Site, view: View) -> Document:
    action = site.state.documents("action", "Action").get(view.path["action"]).document
    if is_automation(action):
        raise ApiError(
            404,
            "not_found",
            f'Action "{action["identifier"]}" is an automation, which starts by itself',
        )
    return action


def _render(
    site: Site, view: View, action: Document, entity: str, given: Mapping[str, str], problem: str
) -> str:
    return site.render(
        "action.html",
        view,
        here="runs",
        is_live=False,
        action=describe_action(action),
        button=action["trigger"].get("executeActionButtonText") or "Run",
        entity=entity,
        fields=build_fields(action, given),
        problem=problem,
    )


def _write(site: Site, handler: Handler, path: Mapping[str, str], body: Document) -> Answer:
    """Run a call of the API as the sandbox's admin, as one transaction."""
    call = Call(path, {}, {}, body, Caller(CLIENT_ID, is_admin=True), _AGENT)
    try:
        with site.state.store.transaction():
            answer = handler(site.state, call)
    except BaseException:
        # What was read of the changes that are undone must not stay.
        site.state.forget()
        raise
    assert isinstance(answer, Answer), "nothing waits inside a transaction"
    return answer


def _build_field(
    name: str, definition: Document, given: Mapping[str, str], *, is_required: bool
) -> Field:
    default = definition.get("default")
    if isinstance(default, dict) and "jqQuery" in default:
        # The sandbox fills it in when the run starts.
        default = None
    key = f"input-{name}"
    options = definition.get("enum")
    return Field(
        name=key,
        title=str(definition.get("title") or name),
        description=str(definition.get("description") or ""),
        kind=_choose_kind(definition),
        value=given[key] if key in given else "" if given else _write_value(default),
        options=tuple(map(str, options)) if isinstance(options, list) else (),
        is_required=is_required and definition.get("type") != "boolean",
    )


def _choose_kind(definition: Document) -> str:
    kind = definition.get("type")
    if isinstance(definition.get("enum"), list):
        return "select"
    if kind == "boolean":
        return "checkbox"
    if kind == "number":
        return "number"
    if kind in ("object", "array") or definition.get("format") in _LONG_FORMATS:
        return "textarea"
    return _INPUT_KINDS.get(str(definition.get("format")), "text")


def _read_value(name: str, kind: str, text: str) -> Any:
    if kind == "number":
        try:
            return json.loads(text)
        except ValueError:
            raise invalid(f'"{name}" must be a number') from None
    if kind == "array":
        return [line.strip() for line in text.splitlines() if line.strip()]
    if kind == "object":
        try:
            return json.loads(text)
        except ValueError:
            raise invalid(f'"{name}" must be an object in JSON') from None
    return text


def _write_value(value: Any) -> str:
    if value is None or value is False:
        return ""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return "\n".join(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
