"""What Port accepts in a blueprint and in a webhook: keys, types, patterns, lengths.

From Port's API reference of 2026-01 and, for `dateFormat` and `includeInGlobalSearch`, from its
Terraform provider of 2026-08. Where Port is lenient on purpose (a blueprint's unknown keys are
ignored) a manifest is not: an unknown key there is a typing error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from falcoport.manifests.validation import (
    Anything,
    Choice,
    Either,
    Flag,
    ListOf,
    MapOf,
    Nullable,
    Number,
    Object,
    Text,
    child,
    kind,
)
from falcoport.mapping.evaluator_process import find_compile_error
from falcoport.mapping.expressions import expressions, is_delete
from falcoport.port import identifiers

if TYPE_CHECKING:
    from falcoport.manifests.validation import Report

PROPERTY_TYPES = ("string", "number", "boolean", "object", "array")
FORMATS = (
    "date-time", "url", "email", "idn-email", "ipv4", "ipv6", "markdown", "yaml", "user",
    "blueprints", "team", "timer", "proto", "labeled-url",
)  # fmt: skip
COLORS = (
    "blue", "turquoise", "orange", "purple", "pink", "yellow", "green", "red", "gold", "silver",
    "paleBlue", "darkGray", "lightGray", "bronze", "lime", "olive", "brown",
)  # fmt: skip
WEBHOOK_NAME_LONGEST = 30
_MOST_EXPRESSIONS = 1000
"""What jq compiles takes time that grows with its square; the guide's mapping has a dozen."""


def _identifier(rule: identifiers.IdentifierRule, what: str) -> Text:
    return Text(
        longest=rule.longest,
        shortest=1,
        accepts=rule.accepts,
        spelled=f"{what} is made of {rule.allowed}",
    )


IDENTIFIER = _identifier(identifiers.BLUEPRINT, "an identifier")
SUB_IDENTIFIER = _identifier(identifiers.PROPERTY, "an identifier here")
_TITLE = Text(longest=100, shortest=1)
_SHORT_TITLE = Text(longest=100)
_DESCRIPTION = Text(longest=200)
_ANY_TEXT = Text()
_MIRROR_PATH = Text(
    accepts=re.compile(r"(?:[A-Za-z0-9@_=\-$]+\.)+?(\w|\$|@|-)*?[^.]+").fullmatch,
    spelled="a path names a relation and a property, such as namespace.$title",
)

_SPEC_AUTHENTICATION = Object(
    {
        "clientId": _ANY_TEXT,
        "authorizationUrl": _ANY_TEXT,
        "tokenUrl": _ANY_TEXT,
        "authorizationScope": ListOf(_ANY_TEXT),
    },
    required=("clientId", "authorizationUrl", "tokenUrl"),
)
_ITEMS = Object(
    {
        "type": Choice(PROPERTY_TYPES),
        "format": Choice(FORMATS),
        "pattern": _ANY_TEXT,
        "enum": ListOf(Anything()),
        "enumColors": MapOf(_ANY_TEXT, Choice(COLORS)),
    }
)
_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,), "number": (int, float), "boolean": (bool,), "object": (dict,),
    "array": (list,),
}  # fmt: skip
_ONLY_FOR = {
    "minLength": "string", "maxLength": "string", "pattern": "string", "minimum": "number",
    "maximum": "number", "minItems": "array", "maxItems": "array", "items": "array",
}  # fmt: skip


def _fits(value: object, type_name: str) -> bool:
    if isinstance(value, bool):
        return type_name == "boolean"
    return isinstance(value, _PYTHON_TYPES[type_name])


def _property(value: dict[str, object], at: str, report: Report) -> None:
    type_name = value.get("type")
    if type_name not in PROPERTY_TYPES:
        return
    type_name = str(type_name)
    for key, only in _ONLY_FOR.items():
        if key in value and type_name != only:
            report(child(at, key), f"goes with type {only}, not with {type_name}")
    if "format" in value and type_name not in ("string", "object"):
        report(child(at, "format"), f"goes with type string, not with {type_name}")
    if value.get("default") is not None and not _fits(value["default"], type_name):
        report(child(at, "default"), f"is {kind(value['default'])}, the type is {type_name}")
    if isinstance(value.get("enum"), list):
        _enum(value, type_name, at, report)


def _enum(value: dict[str, Any], type_name: str, at: str, report: Report) -> None:
    for index, member in enumerate(value["enum"]):
        if not _fits(member, type_name):
            report(child(child(at, "enum"), index), f"is {kind(member)}, not {type_name}")
    colors = value.get("enumColors")
    members = {str(member) for member in value["enum"]}
    for key in colors if isinstance(colors, dict) else ():
        if key not in members:
            report(child(child(at, "enumColors"), key), "is not one of enum")


_PROPERTY = Object(
    {
        "type": Choice(PROPERTY_TYPES),
        "title": _SHORT_TITLE,
        "description": _ANY_TEXT,
        "icon": _ANY_TEXT,
        "format": Choice(FORMATS),
        "spec": Choice(("open-api", "embedded-url", "async-api")),
        "specAuthentication": _SPEC_AUTHENTICATION,
        "default": Anything(),
        "enum": ListOf(Anything()),
        "enumColors": MapOf(_ANY_TEXT, Choice(COLORS)),
        "minLength": Number(count=True),
        "maxLength": Number(count=True),
        "pattern": _ANY_TEXT,
        "minimum": Number(),
        "maximum": Number(),
        "minItems": Number(count=True),
        "maxItems": Number(count=True),
        "items": _ITEMS,
        "dateFormat": _ANY_TEXT,
    },
    required=("type",),
    further=_property,
)


def _relation(value: dict[str, object], at: str, report: Report) -> None:
    if value.get("many") is True and value.get("required") is True:
        report(at, "cannot be both many and required")


_RELATION = Object(
    {
        "title": _SHORT_TITLE,
        "description": _ANY_TEXT,
        "target": IDENTIFIER,
        "required": Flag(),
        "many": Flag(),
        "type": _ANY_TEXT,
    },
    required=("target",),
    further=_relation,
)
_CALCULATION = Object(
    {
        "calculation": _ANY_TEXT,
        "type": Choice(PROPERTY_TYPES),
        "title": _SHORT_TITLE,
        "description": _ANY_TEXT,
        "icon": _ANY_TEXT,
        "format": Choice(FORMATS),
        "spec": Choice(("open-api", "embedded-url", "async-api")),
        "specAuthentication": _SPEC_AUTHENTICATION,
        "colorized": Flag(),
        "colors": MapOf(_ANY_TEXT, Choice(COLORS)),
        "items": _ITEMS,
    },
    required=("calculation", "type"),
)
_AGGREGATION = Object(
    {
        "title": _SHORT_TITLE,
        "description": _ANY_TEXT,
        "icon": _ANY_TEXT,
        "target": IDENTIFIER,
        "calculationSpec": MapOf(_ANY_TEXT, _ANY_TEXT),
        "query": Anything(),
        "pathFilter": ListOf(Anything(), longest=1),
        "type": Choice(("number",)),
    },
    required=("title", "target", "calculationSpec"),
)
_OWNERSHIP = Object(
    {"type": Choice(("Direct", "Inherited")), "path": _ANY_TEXT, "title": _SHORT_TITLE},
    required=("type",),
)
_CHANGELOG = Object(
    {"type": Choice(("WEBHOOK", "KAFKA")), "url": _ANY_TEXT, "agent": Flag()}, required=("type",)
)


def _blueprint(value: dict[str, object], _at: str, report: Report) -> None:
    schema = value.get("schema")
    if not isinstance(schema, dict):
        return
    properties, required = schema.get("properties"), schema.get("required")
    if isinstance(properties, dict) and isinstance(required, list):
        for index, name in enumerate(required):
            if isinstance(name, str) and name not in properties:
                report(f"schema.required[{index}]", f"names {name!r}, which is not a property")


BLUEPRINT = Object(
    {
        "identifier": IDENTIFIER,
        "title": _TITLE,
        "description": _DESCRIPTION,
        "icon": _ANY_TEXT,
        "schema": Object(
            {"properties": MapOf(SUB_IDENTIFIER, _PROPERTY), "required": ListOf(_ANY_TEXT)},
            required=("properties",),
        ),
        "relations": MapOf(SUB_IDENTIFIER, _RELATION),
        "mirrorProperties": MapOf(
            SUB_IDENTIFIER,
            Object({"path": _MIRROR_PATH, "title": _SHORT_TITLE}, required=("path",)),
        ),
        "calculationProperties": MapOf(SUB_IDENTIFIER, _CALCULATION),
        "aggregationProperties": MapOf(SUB_IDENTIFIER, _AGGREGATION),
        "ownership": _OWNERSHIP,
        "changelogDestination": _CHANGELOG,
        "teamInheritance": Object({"path": _ANY_TEXT}, required=("path",)),
        "includeInGlobalSearch": Flag(),
    },
    required=("identifier", "title", "schema"),
    further=_blueprint,
)


class _Expression:
    """A JQ expression that compiles."""

    def check(self, value: object, at: str, report: Report) -> None:
        """See Shape."""
        if not isinstance(value, str):
            hint = "; put it in quotes" if isinstance(value, bool | int | float) else ""
            report(at, f"must be a JQ expression, not {kind(value)}{hint}")
            return
        problem = find_compile_error(value) if value.strip() else "it is empty"
        if problem:
            report(at, f"is not valid JQ: {problem}")


class _Rules:
    """The rules of a search query: maps whose texts are JQ, nested as deep as one likes."""

    def check(self, value: object, at: str, report: Report) -> None:
        """See Shape."""
        if isinstance(value, dict):
            for key, member in value.items():
                self.check(member, child(at, key), report)
        elif isinstance(value, list):
            for index, member in enumerate(value):
                self.check(member, child(at, index), report)
        elif isinstance(value, str):
            _Expression().check(value, at, report)


_SEARCH = Object(
    {"combinator": _Expression(), "rules": ListOf(_Rules())}, required=("combinator", "rules")
)
_OPERATION = Either(
    Choice(("create", "delete")),
    Object({"type": Choice(("create", "delete")), "deleteDependents": Flag()}, required=("type",)),
)
_CREATE_ENTITY = Object(
    {
        "identifier": Either(_Expression(), _SEARCH),
        "title": _Expression(),
        "icon": _Expression(),
        "team": Either(_Expression(), _SEARCH),
        "properties": MapOf(SUB_IDENTIFIER, _Expression()),
        "relations": MapOf(SUB_IDENTIFIER, Either(_Expression(), _SEARCH)),
    },
    required=("identifier",),
)
_DELETE_ENTITY = Object({"identifier": _Expression()}, required=("identifier",))


def _mapping(value: dict[str, object], at: str, report: Report) -> None:
    operation = value.get("operation")
    delete = is_delete(operation)
    if isinstance(operation, dict) and "deleteDependents" in operation and not delete:
        report(child(child(at, "operation"), "deleteDependents"), "goes with type delete")
    if "entity" in value:
        shape = _DELETE_ENTITY if delete else _CREATE_ENTITY
        shape.check(value["entity"], child(at, "entity"), report)


_MAPPING = Object(
    {
        "blueprint": IDENTIFIER,
        "operation": _OPERATION,
        "filter": _Expression(),
        "itemsToParse": _Expression(),
        "entity": Anything(),
    },
    required=("blueprint", "entity"),
    further=_mapping,
)


class _Mappings:
    """A webhook's mappings; as many expressions as can be tried within seconds."""

    def check(self, value: object, at: str, report: Report) -> None:
        """See Shape."""
        maps = [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
        count = sum(len(expressions(one)) for one in maps)
        if count > _MOST_EXPRESSIONS:
            report(at, f"hold {count:,} expressions, more than {_MOST_EXPRESSIONS:,}")
        else:
            ListOf(_MAPPING).check(value, at, report)


_SECURITY = Object(
    {
        "secret": Nullable(_ANY_TEXT),
        "signatureHeaderName": Nullable(_ANY_TEXT),
        "signatureAlgorithm": Choice(("sha1", "sha256", "plain"), nullable=True),
        "signaturePrefix": Nullable(_ANY_TEXT),
        "requestIdentifierPath": Nullable(_Expression()),
    }
)
WEBHOOK = Object(
    {
        "identifier": Text(longest=WEBHOOK_NAME_LONGEST, shortest=1),
        "title": Text(longest=WEBHOOK_NAME_LONGEST, shortest=1),
        "description": _DESCRIPTION,
        "icon": _ANY_TEXT,
        "enabled": Flag(),
        "integrationType": Choice(("custom", "template")),
        "security": _SECURITY,
        "mappings": _Mappings(),
    },
    required=("identifier", "title", "enabled", "mappings"),
)
