"""Scorecards: how good the entities of a blueprint are, by rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox import errors
from falcoport.sandbox.http.routing import Router, ok
from falcoport.sandbox.schemas import COLOURS, STRING, STRINGS, Schema, enum_of, object_of
from falcoport.sandbox.storage.audit import CREATE, DELETE, UPDATE, Subject

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Answer, Call, Document
    from falcoport.sandbox.state import State
    from falcoport.sandbox.storage.blueprints import Blueprint
    from falcoport.sandbox.storage.documents import Documents, Stored

router = Router()

_ALL = "/v1/blueprints/{blueprint}/scorecards"
_ONE = f"{_ALL}/{{scorecard}}"

_MOMENT: Schema = {"type": "string", "format": "date-time"}
_PRESETS = (
    "today tomorrow yesterday lastDay lastWeek last2Weeks lastMonth last3Months last6Months "
    "last12Months"
).split()
_PERIOD: Schema = {
    "anyOf": [
        object_of({"from": _MOMENT, "to": _MOMENT}, ("from", "to")),
        object_of({"preset": enum_of(*_PRESETS)}, ("preset",)),
    ]
}
_SCALAR: Schema = {"anyOf": [{"type": ["string", "number", "boolean"]}, STRINGS]}
_COMPARISONS = (
    "= != > < >= <= contains doesNotContains beginsWith doesNotBeginsWith endsWith doesNotEndsWith"
).split()


def _conditions(subject: str) -> list[Schema]:
    """Return what a condition on a property or a relation can be."""
    return [
        object_of(
            {subject: STRING, "operator": enum_of("containsAny", "in"), "value": STRINGS},
            (subject, "operator", "value"),
            more=True,
        ),
        object_of(
            {subject: STRING, "operator": enum_of(*_COMPARISONS), "value": _SCALAR},
            (subject, "operator", "value"),
            more=True,
        ),
        object_of(
            {subject: STRING, "operator": enum_of("isEmpty", "isNotEmpty")},
            (subject, "operator"),
            more=True,
        ),
    ]


_QUERY = object_of(
    {
        "combinator": enum_of("and", "or"),
        "conditions": {
            "type": "array",
            "minItems": 1,
            "items": {
                "anyOf": [
                    object_of(
                        {
                            "property": STRING,
                            "operator": enum_of("between", "notBetween", "="),
                            "value": _PERIOD,
                        },
                        ("property", "operator", "value"),
                    ),
                    *_conditions("property"),
                    *_conditions("relation"),
                ]
            },
        },
    },
    ("combinator", "conditions"),
    more=True,
)
_RULE = object_of(
    {
        "identifier": {"type": "string", "pattern": r"^[A-Za-z0-9@_=\\-]+\Z", "maxLength": 100},
        "title": STRING,
        "description": STRING,
        "level": STRING,
        "query": _QUERY,
    },
    ("identifier", "title", "level", "query"),
    more=True,
)
_SCORECARD = object_of(
    {
        "identifier": {
            "type": "string",
            "pattern": r"^(?!\.{1,2}\Z)[\p{L}0-9@_.+:\\/=-]+\Z",
            "maxLength": 100,
        },
        "title": STRING,
        "filter": _QUERY,
        "properties": {"type": "object"},
        "rules": {"type": "array", "items": _RULE},
        "levels": {
            "type": "array",
            "items": object_of(
                {"title": STRING, "color": enum_of(*COLOURS)}, ("title", "color"), more=True
            ),
        },
    },
    ("identifier", "title", "rules"),
)
_ONE_OF_MANY: Schema = {
    **_SCORECARD,
    "properties": {
        **_SCORECARD["properties"],
        "id": STRING,
        **dict.fromkeys(("blueprint", "createdAt", "createdBy", "updatedAt", "updatedBy"), STRING),
    },
}
DEFAULT_LEVELS = [
    {"color": "paleBlue", "title": "Basic"},
    {"color": "bronze", "title": "Bronze"},
    {"color": "silver", "title": "Silver"},
    {"color": "gold", "title": "Gold"},
]
"""What Port stores of a scorecard without levels (Terraform provider 2026-08)."""


@router.read("GET", "/v1/scorecards")
def list_all_scorecards(state: State, _call: Call) -> Answer:
    """List the scorecards of all blueprints."""
    return ok(scorecards=[_show(state, stored) for stored in _documents(state).all()])


@router.read("GET", _ALL)
def list_scorecards(state: State, call: Call) -> Answer:
    """List the scorecards of a blueprint."""
    blueprint = _blueprint(state, call)
    found = _documents(state).all(blueprint.key)
    return ok(scorecards=[_show(state, stored) for stored in found])


@router.write("POST", _ALL, _SCORECARD)
def create_scorecard(state: State, call: Call) -> Answer:
    """Create a scorecard."""
    return ok(201, scorecard=_create(state, call, call.body))


@router.write("PUT", _ALL, {"type": "array", "items": _ONE_OF_MANY})
def replace_scorecards(state: State, call: Call) -> Answer:
    """Replace all scorecards of a blueprint: those that are not named are deleted."""
    blueprint = _blueprint(state, call)
    wanted = {body["identifier"]: body for body in call.body}
    for stored in list(_documents(state).all(blueprint.key)):
        if stored.identifier not in wanted:
            _delete(state, call, stored)
    shown = []
    for identifier, body in wanted.items():
        sent = {name: value for name, value in body.items() if name not in ("id", "blueprint")}
        old = _documents(state).find(identifier, blueprint.key)
        made = _create(state, call, sent) if old is None else _replace(state, call, old, sent)
        shown.append(made)
    return ok(scorecards=shown)


@router.read("GET", _ONE)
def get_scorecard(state: State, call: Call) -> Answer:
    """Show a scorecard."""
    return ok(scorecard=_show(state, _store(state, call)))


@router.write("PUT", _ONE, _SCORECARD)
def replace_scorecard(state: State, call: Call) -> Answer:
    """Replace a scorecard; it may get a new identifier."""
    return ok(scorecard=_replace(state, call, _store(state, call), call.body))


@router.write("PATCH", _ONE, {**_SCORECARD, "required": []})
def patch_scorecard(state: State, call: Call) -> Answer:
    """Change the given fields of a scorecard."""
    old = _store(state, call)
    body = {name: value for name, value in old.document.items() if name != "blueprint"}
    return ok(scorecard=_replace(state, call, old, {**body, **call.body}))


@router.write("DELETE", _ONE)
def delete_scorecard(state: State, call: Call) -> Answer:
    """Delete a scorecard."""
    _delete(state, call, _store(state, call))
    return ok()


def _documents(state: State) -> Documents:
    return state.documents("scorecard", "Scorecard")


def _blueprint(state: State, call: Call) -> Blueprint:
    return state.blueprints.get(call.path["blueprint"])


def _store(state: State, call: Call) -> Stored:
    return _documents(state).get(call.path["scorecard"], _blueprint(state, call).key)


def _show(state: State, stored: Stored) -> Document:
    """Return a scorecard as Port answers it: it follows a blueprint that was renamed."""
    assert stored.blueprint is not None
    blueprint = state.blueprints.by_key(stored.blueprint).identifier
    return {**stored.document, "blueprint": blueprint}


def _create(state: State, call: Call, body: Document) -> Document:
    blueprint = _blueprint(state, call)
    made = _documents(state).create(
        body["identifier"],
        _check(body),
        call.actor.name,
        scope=blueprint.key,
        blueprint=blueprint.key,
    )
    subject = Subject("scorecard", made.identifier, blueprint.identifier)
    state.audit.record(CREATE, subject, call.actor, after=made.document)
    return _show(state, made)


def _replace(state: State, call: Call, old: Stored, body: Document) -> Document:
    blueprint = _blueprint(state, call)
    new = _documents(state).replace(
        old,
        _check(body),
        call.actor.name,
        identifier=body["identifier"],
        scope=blueprint.key,
    )
    subject = Subject("scorecard", new.identifier, blueprint.identifier)
    state.audit.record(UPDATE, subject, call.actor, before=old.document, after=new.document)
    return _show(state, new)


def _delete(state: State, call: Call, stored: Stored) -> None:
    _documents(state).delete(stored)
    subject = Subject("scorecard", stored.identifier, call.path["blueprint"])
    state.audit.record(DELETE, subject, call.actor, before=stored.document)


def _check(body: Document) -> Document:
    """Return a scorecard with its levels; raise a 422 error if a rule names none that it may."""
    levels = body.get("levels") or DEFAULT_LEVELS
    titles = [level["title"] for level in levels]
    if len(set(titles)) < len(titles):
        raise errors.invalid('"levels" must have different titles')
    names = [rule["identifier"] for rule in body["rules"]]
    if len(set(names)) < len(names):
        raise errors.invalid('"rules" must have different identifiers')
    for position, rule in enumerate(body["rules"]):
        if rule["level"] not in titles[1:]:
            raise errors.invalid(
                f'"rules.{position}.level" must be the title of a level above the first'
            )
    return {**body, "levels": levels}
