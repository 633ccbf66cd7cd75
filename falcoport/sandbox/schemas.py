r"""What Port accepts in request bodies: our own model of its published API description.

Written from Port's API reference (version of 2026-01) and its Terraform provider (2026-08), in
JSON Schema 2020-12. Patterns end in `\Z` since Python's `$` lets a line end through, and may use
`\p{L}`, which the checker in `requests.py` understands.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

_STRING: Schema = {"type": "string"}
_BOOLEAN: Schema = {"type": "boolean"}
_NULLABLE: Schema = {"type": ["string", "null"]}
_TITLE: Schema = {"type": "string", "maxLength": 100}
_STRINGS: Schema = {"type": "array", "items": _STRING}

BLUEPRINT_IDENTIFIER: Schema = {
    "type": "string",
    "pattern": r"^(?!\.{1,2}\Z)[\p{L}0-9@_.+:\\/-]+\Z",
    "maxLength": 100,
}
ENTITY_IDENTIFIER: Schema = {
    "type": "string",
    "pattern": r"^(?!\.{1,2}\Z)[\p{L}0-9@_.+:\\/=-]+\Z",
    "maxLength": 1000,
}
SUB_IDENTIFIER: Schema = {
    "type": "string",
    "pattern": r"^[A-Za-z0-9@_=\\-]+\Z",
    "maxLength": 100,
}
_TYPES = ("string", "number", "boolean", "object", "array")
_FORMATS = tuple(
    "date-time url email idn-email ipv4 ipv6 markdown yaml user blueprints team timer proto "
    "labeled-url".split()
)
_COLOURS = tuple(
    "blue turquoise orange purple pink yellow green red gold silver paleBlue darkGray lightGray "
    "bronze lime olive brown".split()
)


def _object(properties: Schema, required: tuple[str, ...] = (), *, more: bool = False) -> Schema:
    """Return the schema of an object; `more` allows keys that are not named."""
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    if not more:
        schema["additionalProperties"] = False
    return schema


def _enum(*values: Any) -> Schema:
    return {"enum": list(values)}


def _map(values: Schema) -> Schema:
    return {"type": "object", "propertyNames": SUB_IDENTIFIER, "additionalProperties": values}


# --- searching ------------------------------------------------------------------------------

_CONTEXT = _object(
    {"property": _STRING, "context": _enum("user", "userTeams")}, ("property", "context"), more=True
)
_PROPERTY: Schema = {"anyOf": [_STRING, _CONTEXT]}
_MOMENT: Schema = {"type": "string", "format": "date-time"}
_PRESETS = tuple(
    "today tomorrow yesterday lastDay lastWeek last2Weeks lastMonth last3Months last6Months "
    "last12Months".split()
)
_PERIOD: Schema = {
    "type": "object",
    "anyOf": [
        _object({"from": _MOMENT, "to": _MOMENT}, ("from", "to"), more=True),
        _object({"preset": _enum(*_PRESETS)}, ("preset",), more=True),
        _CONTEXT,
    ],
}
_SCALARS: Schema = {"type": ["null", "string", "number", "boolean"]}
_VALUE: Schema = {
    "anyOf": [
        _SCALARS,
        {"type": "array", "items": {"type": "string"}},
        {"type": "array", "items": {"type": "number"}},
        {"type": "array", "items": {"type": "boolean"}},
        _CONTEXT,
    ]
}
_COMPARISONS = tuple(
    "= != containsAny contains doesNotContains beginsWith doesNotBeginsWith endsWith "
    "doesNotEndsWith in notIn".split()
)
_TARGET_PROPERTY = _enum("$title", "$identifier")
_PATH = _object(
    {
        "path": {
            "type": "array",
            "items": {
                "anyOf": [
                    _STRING,
                    _object(
                        {
                            "relation": _STRING,
                            "maxHops": {"type": "number", "minimum": 1, "maximum": 15},
                        },
                        more=True,
                    ),
                ]
            },
        },
        "fromBlueprint": _STRING,
    },
    ("path",),
)
_PROPERTY_SCHEMA = _object(
    {
        "type": _STRING,
        "format": _STRING,
        "items": _object({"type": _STRING, "format": _STRING}, ("type",), more=True),
    },
    ("type",),
)


def _rule(subject: Schema, operators: Schema, value: Schema | None) -> Schema:
    """Return the schema of one rule: the keys of its subject, an operator and maybe a value."""
    properties = {**subject, "operator": operators}
    required = ["operator", next(iter(subject))]
    if value is not None:
        properties["value"] = value
        required.append("value")
    return _object(properties, tuple(required))


_RULES: list[Schema] = [
    _rule({"property": _PROPERTY}, _enum("between", "notBetween", "="), _PERIOD),
    _rule({"property": _STRING}, _enum("isEmpty", "isNotEmpty"), None),
    _rule({"property": _STRING}, _enum("isExpired", "isNotExpired"), None),
    _rule(
        {"property": _PROPERTY},
        _enum(">", ">=", "<", "<="),
        {"anyOf": [{"type": "number"}, _MOMENT, _CONTEXT]},
    ),
    _rule({"property": _PROPERTY}, _enum(*_COMPARISONS), _VALUE),
    _object(
        {
            "operator": _enum("relatedTo"),
            "blueprint": _STRING,
            "value": {"anyOf": [_STRING, _STRINGS]},
            "direction": _enum("upstream", "downstream"),
            "required": _BOOLEAN,
        },
        ("operator", "value", "blueprint"),
    ),
    _object(
        {
            "propertySchema": _PROPERTY_SCHEMA,
            "operator": _enum("=", "!=", "contains"),
            "value": _SCALARS,
        },
        ("operator", "propertySchema"),
    ),
    _rule(
        {"property": {"anyOf": [_PATH, _STRING, _CONTEXT]}},
        _enum("matchAny"),
        {"anyOf": [_STRINGS, _STRING, _CONTEXT]},
    ),
]
# Rules that only the search inside one blueprint has (Port API, Search a blueprint's entities).
_BLUEPRINT_RULES: list[Schema] = [
    *_RULES,
    _rule({"relation": _STRING, "targetProperty": _TARGET_PROPERTY}, _enum(*_COMPARISONS), _VALUE),
    _rule(
        {"relation": _STRING, "targetProperty": _TARGET_PROPERTY},
        _enum("isEmpty", "isNotEmpty"),
        None,
    ),
    _rule({"scorecard": _STRING, "scorecardRule": _STRING}, _enum(*_COMPARISONS), _VALUE),
    _rule({"scorecard": _STRING, "scorecardRule": _STRING}, _enum("isEmpty", "isNotEmpty"), None),
]
_RELATION_RULES: list[Schema] = [
    _rule({"property": _STRING}, _enum("="), {"type": ["string", "number", "null"]}),
    _rule({"property": _STRING}, _enum("in", "containsAny"), _STRINGS),
    _rule({"property": _STRING}, _enum("contains"), {"anyOf": [_NULLABLE, _STRINGS]}),
]


def _query(name: str, rules: list[Schema]) -> Schema:
    """Return the schema of a query whose rules may be queries themselves."""
    return _object(
        {
            "combinator": _enum("and", "or"),
            "rules": {
                "type": "array",
                "items": {"anyOf": [*rules, {"$ref": f"#/$defs/{name}"}]},
            },
        },
        ("combinator", "rules"),
    )


_DEFINITIONS: Schema = {
    "query": _query("query", _RULES),
    "blueprintQuery": _query("blueprintQuery", _BLUEPRINT_RULES),
    "relationQuery": _query("relationQuery", _RELATION_RULES),
}
_RELATION_QUERY: Schema = {"$ref": "#/$defs/relationQuery"}


def _whole(schema: Schema) -> Schema:
    return {**schema, "$defs": _DEFINITIONS}


SEARCH = _whole(_DEFINITIONS["query"])
BLUEPRINT_SEARCH = _whole(
    _object(
        {
            "query": {"$ref": "#/$defs/blueprintQuery"},
            "include": _STRINGS,
            "exclude": _STRINGS,
            "limit": {"type": "number", "minimum": 1, "maximum": 1000},
            "from": _STRING,
        }
    )
)
DATASOURCE_SEARCH = _object(
    {
        "datasource_prefix": _STRING,
        "datasource_suffix": _STRING,
        "limit": {"type": "number", "minimum": 1, "maximum": 5000},
        "from": {"type": ["string", "number", "null"]},
        "before": {"type": ["string", "null"], "format": "date-time"},
    },
    more=True,
)

# --- blueprints -----------------------------------------------------------------------------

_SPECIFICATION: Schema = {
    "spec": _enum("open-api", "embedded-url", "async-api"),
    "specAuthentication": _object(
        {
            "clientId": _STRING,
            "authorizationUrl": {"type": "string", "format": "url"},
            "tokenUrl": {"type": "string", "format": "url"},
            "authorizationScope": _STRINGS,
        },
        ("clientId", "authorizationUrl", "tokenUrl"),
    ),
}
PROPERTY = _object(
    {
        "title": _TITLE,
        "description": _STRING,
        "icon": _STRING,
        "type": _enum(*_TYPES),
        "format": _enum(*_FORMATS),
        **_SPECIFICATION,
    },
    ("type",),
    more=True,
)
_CALCULATION = _object(
    {
        "title": _TITLE,
        "description": _STRING,
        "icon": _STRING,
        "calculation": _STRING,
        "type": _enum(*_TYPES),
        "format": _enum(*(name for name in _FORMATS if name not in ("blueprints", "timer"))),
        **_SPECIFICATION,
        "dateFormat": _STRING,  # Terraform provider 2026-08, not yet published
        "colorized": _BOOLEAN,
        "colors": {"type": "object", "additionalProperties": _enum(*_COLOURS)},
        "items": _object({"type": _enum(*_TYPES), "format": _STRING}, more=True),
    },
    ("calculation", "type"),
)
_MIRROR = _object(
    {
        "path": {
            "type": "string",
            # The published pattern with its ambiguous repetition taken out: same language.
            "pattern": r"^(?:[A-Za-z0-9@_=\-$]+\.)+[^.]+\Z",
        },
        "title": _TITLE,
    },
    ("path",),
)
_TIME: Schema = {
    "func": _enum("average"),
    "measureTimeBy": _STRING,
    "averageOf": _enum("hour", "day", "week", "month", "total"),
}
_CALCULATION_SPEC: Schema = {
    "oneOf": [
        _object(
            {"func": _enum("count"), "calculationBy": _enum("entities")}, ("func", "calculationBy")
        ),
        _object(
            {**_TIME, "calculationBy": _enum("entities")}, ("func", "calculationBy", "averageOf")
        ),
        _object(
            {
                "func": _enum("sum", "min", "max", "median"),
                "property": _STRING,
                "calculationBy": _enum("property"),
            },
            ("func", "property", "calculationBy"),
        ),
        _object(
            {**_TIME, "property": _STRING, "calculationBy": _enum("property")},
            ("func", "property", "calculationBy", "averageOf"),
        ),
    ]
}
_AGGREGATION = _object(
    {
        "title": _TITLE,
        "description": _STRING,
        "icon": _STRING,
        "type": _enum("number"),
        "target": _STRING,
        "calculationSpec": _CALCULATION_SPEC,
        "query": {"$ref": "#/$defs/query"},
        "pathFilter": {
            "type": "array",
            "maxItems": 1,
            "items": _object(
                {"path": {**_STRINGS, "minItems": 1}, "fromBlueprint": _STRING}, ("path",)
            ),
        },
    },
    ("title", "target", "calculationSpec"),
)
# `required` and `many` are required by the published schema with false as their default, so that
# leaving them out is accepted (Port API, Create a blueprint).
RELATION = _object(
    {
        "title": _TITLE,
        "target": _STRING,
        "required": _BOOLEAN,
        "many": _BOOLEAN,
        "description": _STRING,
        "type": _STRING,
    },
    ("target",),
)
_BLUEPRINT: Schema = {
    "identifier": BLUEPRINT_IDENTIFIER,
    "title": {"type": "string", "minLength": 1, "maxLength": 100},
    "description": {"type": "string", "maxLength": 200},
    "icon": _STRING,
    "ownership": {
        "anyOf": [
            _object(
                {
                    "type": _enum("Inherited"),
                    "path": _STRING,
                    "title": _TITLE,
                    "union": _BOOLEAN,  # Terraform provider 2026-09, not yet published
                },
                ("type", "path"),
            ),
            _object({"type": _enum("Direct"), "title": _TITLE, "union": _BOOLEAN}, ("type",)),
        ]
    },
    "schema": _object({"properties": _map(PROPERTY), "required": _STRINGS}, ("properties",)),
    "calculationProperties": _map(_CALCULATION),
    "mirrorProperties": _map(_MIRROR),
    "aggregationProperties": _map(_AGGREGATION),
    "relations": _map(RELATION),
    "changelogDestination": {
        "oneOf": [
            _object(
                {
                    "type": _enum("WEBHOOK"),
                    "agent": _BOOLEAN,
                    "url": {"type": "string", "format": "uri"},
                },
                ("url", "type"),
            ),
            _object({"type": _enum("KAFKA")}, ("type",)),
        ]
    },
}
BLUEPRINT_POST = _whole(_object(_BLUEPRINT, ("identifier", "title", "schema"), more=True))
BLUEPRINT_PUT = _whole(_object(_BLUEPRINT, ("title", "schema"), more=True))
BLUEPRINT_PATCH = _whole(_object(_BLUEPRINT, more=True))
RENAME_PROPERTY = _object({"newPropertyName": SUB_IDENTIFIER}, ("newPropertyName",))
RENAME_RELATION = _object({"newRelationIdentifier": SUB_IDENTIFIER}, ("newRelationIdentifier",))
# Port publishes no body for it: the two names of its siblings and the one they would suggest.
RENAME_MIRROR = {
    "type": "object",
    "properties": {
        "newMirrorName": SUB_IDENTIFIER,
        "newMirrorIdentifier": SUB_IDENTIFIER,
        "newMirrorPropertyName": SUB_IDENTIFIER,
        "newPropertyName": SUB_IDENTIFIER,
    },
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
}

# --- webhooks -------------------------------------------------------------------------------

_CREATE = {
    "anyOf": [_enum("create"), _object({"type": _enum("create")}, ("type",))],
}
_DELETE = {
    "anyOf": [
        _enum("delete"),
        _object({"type": _enum("delete"), "deleteDependents": _BOOLEAN}, ("type",)),
    ],
}
_SEARCH_TEXTS = _object(
    {
        "combinator": _STRING,
        "rules": {"type": "array", "items": {"type": "object"}},
    },
    ("combinator", "rules"),
)
_JQ_OR_SEARCH: Schema = {"anyOf": [_STRING, _SEARCH_TEXTS]}
_SOURCE: Schema = {"blueprint": _STRING, "filter": _STRING, "itemsToParse": _STRING}
_MAPPING: Schema = {
    "type": "object",
    "if": {"properties": {"operation": _DELETE}, "required": ["operation"]},
    "then": _object(
        {
            **_SOURCE,
            "operation": _DELETE,
            "entity": _object({"identifier": _STRING}, ("identifier",)),
        },
        ("blueprint", "entity"),
        more=True,
    ),
    "else": _object(
        {
            **_SOURCE,
            "operation": _CREATE,
            "entity": _object(
                {
                    "identifier": _JQ_OR_SEARCH,
                    "title": _STRING,
                    "icon": _STRING,
                    "team": _JQ_OR_SEARCH,
                    "properties": {"type": "object"},
                    "relations": {"type": "object"},
                },
                ("identifier",),
            ),
        },
        ("blueprint", "entity"),
    ),
}
_WEBHOOK: Schema = {
    "identifier": {"type": "string", "maxLength": 30},
    "title": {"type": "string", "maxLength": 30},
    "description": {"type": "string", "maxLength": 200},
    "icon": _STRING,
    "mappings": {"type": "array", "items": _MAPPING},
    "enabled": _BOOLEAN,
    "security": _object(
        {
            "secret": _NULLABLE,
            "signatureHeaderName": _NULLABLE,
            "signatureAlgorithm": _enum("sha1", "sha256", "plain", None),
            "signaturePrefix": _NULLABLE,
            "requestIdentifierPath": _NULLABLE,
        }
    ),
    "integrationType": _enum("custom", "template"),
}
WEBHOOK_PUT = _object(_WEBHOOK, ("title", "enabled"))
WEBHOOK_PATCH = _object(_WEBHOOK)

# --- entities -------------------------------------------------------------------------------

_ENTITY: Schema = {
    "identifier": {"anyOf": [ENTITY_IDENTIFIER, _RELATION_QUERY]},
    "title": _NULLABLE,
    "icon": _NULLABLE,
    "team": {"anyOf": [_NULLABLE, _STRINGS, _RELATION_QUERY]},
    "properties": {"type": "object"},
    "relations": {
        "type": "object",
        "additionalProperties": {
            "anyOf": [
                {"type": "null"},
                ENTITY_IDENTIFIER,
                {"type": "array", "items": ENTITY_IDENTIFIER},
                _RELATION_QUERY,
            ]
        },
    },
}
ENTITY = _whole(_object(_ENTITY, more=True))
BULK_ENTITIES: Schema = _object(
    {"entities": {"type": "array", "minItems": 1, "maxItems": 20, "items": {"type": "object"}}},
    ("entities",),
)
BULK_DELETE = _object(
    {"entities": {"type": "array", "items": _STRING, "minItems": 1, "maxItems": 100}},
    ("entities",),
)

# --- the rest -------------------------------------------------------------------------------

TOKEN = _object({"clientId": _STRING, "clientSecret": _STRING}, ("clientId", "clientSecret"))
MIGRATION = _object(
    {
        "sourceBlueprint": _STRING,
        "mapping": _object(
            {
                "blueprint": _STRING,
                "filter": _STRING,
                "itemsToParse": _STRING,
                "entity": _object(
                    {
                        "identifier": _STRING,
                        "title": _STRING,
                        "icon": _STRING,
                        "team": _STRING,
                        "properties": {"type": "object", "additionalProperties": _STRING},
                        "relations": {"type": "object", "additionalProperties": _STRING},
                    },
                    more=True,
                ),
            },
            ("blueprint", "entity"),
            more=True,
        ),
    },
    ("sourceBlueprint", "mapping"),
    more=True,
)
CANCEL = _object({"reason": _STRING}, more=True)
