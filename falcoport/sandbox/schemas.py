r"""What Port accepts in request bodies: our own model of its published API description.

Written from Port's API reference (version of 2026-01) and its Terraform provider (2026-08), in
JSON Schema 2020-12. Patterns end in `\Z` since Python's `$` lets a line end through, and may use
`\p{L}`, which the checker in `requests.py` understands.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
BOOLEAN: Schema = {"type": "boolean"}
NULLABLE: Schema = {"type": ["string", "null"]}
TITLE: Schema = {"type": "string", "maxLength": 100}
STRINGS: Schema = {"type": "array", "items": STRING}

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
COLOURS = tuple(
    "blue turquoise orange purple pink yellow green red gold silver paleBlue darkGray lightGray "
    "bronze lime olive brown".split()
)


def object_of(properties: Schema, required: tuple[str, ...] = (), *, more: bool = False) -> Schema:
    """Return the schema of an object; `more` allows keys that are not named."""
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    if not more:
        schema["additionalProperties"] = False
    return schema


def enum_of(*values: Any) -> Schema:
    """Return the schema of one value of several."""
    return {"enum": list(values)}


def map_of(values: Schema) -> Schema:
    """Return the schema of an object whose keys are identifiers of properties and the like."""
    return {"type": "object", "propertyNames": SUB_IDENTIFIER, "additionalProperties": values}


# --- searching ------------------------------------------------------------------------------

_CONTEXT = object_of(
    {"property": STRING, "context": enum_of("user", "userTeams")},
    ("property", "context"),
    more=True,
)
_PROPERTY: Schema = {"anyOf": [STRING, _CONTEXT]}
_MOMENT: Schema = {"type": "string", "format": "date-time"}
PRESETS = tuple(
    "today tomorrow yesterday lastDay lastWeek last2Weeks lastMonth last3Months last6Months "
    "last12Months".split()
)
_PERIOD: Schema = {
    "type": "object",
    "anyOf": [
        object_of({"from": _MOMENT, "to": _MOMENT}, ("from", "to"), more=True),
        object_of({"preset": enum_of(*PRESETS)}, ("preset",), more=True),
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
_TARGET_PROPERTY = enum_of("$title", "$identifier")
_PATH = object_of(
    {
        "path": {
            "type": "array",
            "items": {
                "anyOf": [
                    STRING,
                    object_of(
                        {
                            "relation": STRING,
                            "maxHops": {"type": "number", "minimum": 1, "maximum": 15},
                        },
                        more=True,
                    ),
                ]
            },
        },
        "fromBlueprint": STRING,
    },
    ("path",),
)
_PROPERTY_SCHEMA = object_of(
    {
        "type": STRING,
        "format": STRING,
        "items": object_of({"type": STRING, "format": STRING}, ("type",), more=True),
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
    return object_of(properties, tuple(required))


_RULES: list[Schema] = [
    _rule({"property": _PROPERTY}, enum_of("between", "notBetween", "="), _PERIOD),
    _rule({"property": STRING}, enum_of("isEmpty", "isNotEmpty"), None),
    _rule({"property": STRING}, enum_of("isExpired", "isNotExpired"), None),
    _rule(
        {"property": _PROPERTY},
        enum_of(">", ">=", "<", "<="),
        {"anyOf": [{"type": "number"}, _MOMENT, _CONTEXT]},
    ),
    _rule({"property": _PROPERTY}, enum_of(*_COMPARISONS), _VALUE),
    object_of(
        {
            "operator": enum_of("relatedTo"),
            "blueprint": STRING,
            "value": {"anyOf": [STRING, STRINGS]},
            "direction": enum_of("upstream", "downstream"),
            "required": BOOLEAN,
        },
        ("operator", "value", "blueprint"),
    ),
    object_of(
        {
            "propertySchema": _PROPERTY_SCHEMA,
            "operator": enum_of("=", "!=", "contains"),
            "value": _SCALARS,
        },
        ("operator", "propertySchema"),
    ),
    _rule(
        {"property": {"anyOf": [_PATH, STRING, _CONTEXT]}},
        enum_of("matchAny"),
        {"anyOf": [STRINGS, STRING, _CONTEXT]},
    ),
]
# Rules that only the search inside one blueprint has (Port API, Search a blueprint's entities).
_BLUEPRINT_RULES: list[Schema] = [
    *_RULES,
    _rule({"relation": STRING, "targetProperty": _TARGET_PROPERTY}, enum_of(*_COMPARISONS), _VALUE),
    _rule(
        {"relation": STRING, "targetProperty": _TARGET_PROPERTY},
        enum_of("isEmpty", "isNotEmpty"),
        None,
    ),
    _rule({"scorecard": STRING, "scorecardRule": STRING}, enum_of(*_COMPARISONS), _VALUE),
    _rule({"scorecard": STRING, "scorecardRule": STRING}, enum_of("isEmpty", "isNotEmpty"), None),
]
_RELATION_RULES: list[Schema] = [
    _rule({"property": STRING}, enum_of("="), {"type": ["string", "number", "null"]}),
    _rule({"property": STRING}, enum_of("in", "containsAny"), STRINGS),
    _rule({"property": STRING}, enum_of("contains"), {"anyOf": [NULLABLE, STRINGS]}),
]


def _query(name: str, rules: list[Schema]) -> Schema:
    """Return the schema of a query whose rules may be queries themselves."""
    return object_of(
        {
            "combinator": enum_of("and", "or"),
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
QUERY: Schema = {"$ref": "#/$defs/query"}
"""A query of the search language, inside a schema that `with_queries` completes."""
_RELATION_QUERY: Schema = {"$ref": "#/$defs/relationQuery"}


def with_queries(schema: Schema) -> Schema:
    """Return a schema that may refer to `QUERY` and its siblings."""
    return {**schema, "$defs": _DEFINITIONS}


SEARCH = with_queries(_DEFINITIONS["query"])
BLUEPRINT_SEARCH = with_queries(
    object_of(
        {
            "query": {"$ref": "#/$defs/blueprintQuery"},
            "include": STRINGS,
            "exclude": STRINGS,
            "limit": {"type": "number", "minimum": 1, "maximum": 1000},
            "from": STRING,
        }
    )
)
DATASOURCE_SEARCH = object_of(
    {
        "datasource_prefix": STRING,
        "datasource_suffix": STRING,
        "limit": {"type": "number", "minimum": 1, "maximum": 5000},
        "from": {"type": ["string", "number", "null"]},
        "before": {"type": ["string", "null"], "format": "date-time"},
    },
    more=True,
)

# --- blueprints -----------------------------------------------------------------------------

_SPECIFICATION: Schema = {
    "spec": enum_of("open-api", "embedded-url", "async-api"),
    "specAuthentication": object_of(
        {
            "clientId": STRING,
            "authorizationUrl": {"type": "string", "format": "url"},
            "tokenUrl": {"type": "string", "format": "url"},
            "authorizationScope": STRINGS,
        },
        ("clientId", "authorizationUrl", "tokenUrl"),
    ),
}
PROPERTY = object_of(
    {
        "title": TITLE,
        "description": STRING,
        "icon": STRING,
        "type": enum_of(*_TYPES),
        "format": enum_of(*_FORMATS),
        **_SPECIFICATION,
    },
    ("type",),
    more=True,
)
_CALCULATION = object_of(
    {
        "title": TITLE,
        "description": STRING,
        "icon": STRING,
        "calculation": STRING,
        "type": enum_of(*_TYPES),
        "format": enum_of(*(name for name in _FORMATS if name not in ("blueprints", "timer"))),
        **_SPECIFICATION,
        "dateFormat": STRING,  # Terraform provider 2026-08, not yet published
        "colorized": BOOLEAN,
        "colors": {"type": "object", "additionalProperties": enum_of(*COLOURS)},
        "items": object_of({"type": enum_of(*_TYPES), "format": STRING}, more=True),
    },
    ("calculation", "type"),
)
_MIRROR = object_of(
    {
        "path": {
            "type": "string",
            # The published pattern with its ambiguous repetition taken out: same language.
            "pattern": r"^(?:[A-Za-z0-9@_=\-$]+\.)+[^.]+\Z",
        },
        "title": TITLE,
    },
    ("path",),
)
_TIME: Schema = {
    "func": enum_of("average"),
    "measureTimeBy": STRING,
    "averageOf": enum_of("hour", "day", "week", "month", "total"),
}
_CALCULATION_SPEC: Schema = {
    "oneOf": [
        object_of(
            {"func": enum_of("count"), "calculationBy": enum_of("entities")},
            ("func", "calculationBy"),
        ),
        object_of(
            {**_TIME, "calculationBy": enum_of("entities")}, ("func", "calculationBy", "averageOf")
        ),
        object_of(
            {
                "func": enum_of("sum", "min", "max", "median"),
                "property": STRING,
                "calculationBy": enum_of("property"),
            },
            ("func", "property", "calculationBy"),
        ),
        object_of(
            {**_TIME, "property": STRING, "calculationBy": enum_of("property")},
            ("func", "property", "calculationBy", "averageOf"),
        ),
    ]
}
_AGGREGATION = object_of(
    {
        "title": TITLE,
        "description": STRING,
        "icon": STRING,
        "type": enum_of("number"),
        "target": STRING,
        "calculationSpec": _CALCULATION_SPEC,
        "query": {"$ref": "#/$defs/query"},
        "pathFilter": {
            "type": "array",
            "maxItems": 1,
            "items": object_of(
                {"path": {**STRINGS, "minItems": 1}, "fromBlueprint": STRING}, ("path",)
            ),
        },
    },
    ("title", "target", "calculationSpec"),
)
# `required` and `many` are required by the published schema with false as their default, so that
# leaving them out is accepted (Port API, Create a blueprint).
RELATION = object_of(
    {
        "title": TITLE,
        "target": STRING,
        "required": BOOLEAN,
        "many": BOOLEAN,
        "description": STRING,
        "type": STRING,
    },
    ("target",),
)
_BLUEPRINT: Schema = {
    "identifier": BLUEPRINT_IDENTIFIER,
    "title": {"type": "string", "minLength": 1, "maxLength": 100},
    "description": {"type": "string", "maxLength": 200},
    "icon": STRING,
    "ownership": {
        "anyOf": [
            object_of(
                {
                    "type": enum_of("Inherited"),
                    "path": STRING,
                    "title": TITLE,
                    "union": BOOLEAN,  # Terraform provider 2026-09, not yet published
                },
                ("type", "path"),
            ),
            object_of({"type": enum_of("Direct"), "title": TITLE, "union": BOOLEAN}, ("type",)),
        ]
    },
    "schema": object_of({"properties": map_of(PROPERTY), "required": STRINGS}, ("properties",)),
    "calculationProperties": map_of(_CALCULATION),
    "mirrorProperties": map_of(_MIRROR),
    "aggregationProperties": map_of(_AGGREGATION),
    "relations": map_of(RELATION),
    "changelogDestination": {
        "oneOf": [
            object_of(
                {
                    "type": enum_of("WEBHOOK"),
                    "agent": BOOLEAN,
                    "url": {"type": "string", "format": "uri"},
                },
                ("url", "type"),
            ),
            object_of({"type": enum_of("KAFKA")}, ("type",)),
        ]
    },
}
BLUEPRINT_POST = with_queries(object_of(_BLUEPRINT, ("identifier", "title", "schema"), more=True))
BLUEPRINT_PUT = with_queries(object_of(_BLUEPRINT, ("title", "schema"), more=True))
BLUEPRINT_PATCH = with_queries(object_of(_BLUEPRINT, more=True))
RENAME_PROPERTY = object_of({"newPropertyName": SUB_IDENTIFIER}, ("newPropertyName",))
RENAME_RELATION = object_of({"newRelationIdentifier": SUB_IDENTIFIER}, ("newRelationIdentifier",))
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
    "anyOf": [enum_of("create"), object_of({"type": enum_of("create")}, ("type",))],
}
_DELETE = {
    "anyOf": [
        enum_of("delete"),
        object_of({"type": enum_of("delete"), "deleteDependents": BOOLEAN}, ("type",)),
    ],
}
_SEARCH_TEXTS = object_of(
    {
        "combinator": STRING,
        "rules": {"type": "array", "items": {"type": "object"}},
    },
    ("combinator", "rules"),
)
_JQ_OR_SEARCH: Schema = {"anyOf": [STRING, _SEARCH_TEXTS]}
_SOURCE: Schema = {"blueprint": STRING, "filter": STRING, "itemsToParse": STRING}
_MAPPING: Schema = {
    "type": "object",
    "if": {"properties": {"operation": _DELETE}, "required": ["operation"]},
    "then": object_of(
        {
            **_SOURCE,
            "operation": _DELETE,
            "entity": object_of({"identifier": STRING}, ("identifier",)),
        },
        ("blueprint", "entity"),
        more=True,
    ),
    "else": object_of(
        {
            **_SOURCE,
            "operation": _CREATE,
            "entity": object_of(
                {
                    "identifier": _JQ_OR_SEARCH,
                    "title": STRING,
                    "icon": STRING,
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
    "icon": STRING,
    "mappings": {"type": "array", "items": _MAPPING},
    "enabled": BOOLEAN,
    "security": object_of(
        {
            "secret": NULLABLE,
            "signatureHeaderName": NULLABLE,
            "signatureAlgorithm": enum_of("sha1", "sha256", "plain", None),
            "signaturePrefix": NULLABLE,
            "requestIdentifierPath": NULLABLE,
        }
    ),
    "integrationType": enum_of("custom", "template"),
}
WEBHOOK_PUT = object_of(_WEBHOOK, ("title", "enabled"))
WEBHOOK_PATCH = object_of(_WEBHOOK)

# --- entities -------------------------------------------------------------------------------

_ENTITY: Schema = {
    "identifier": {"anyOf": [ENTITY_IDENTIFIER, _RELATION_QUERY]},
    "title": NULLABLE,
    "icon": NULLABLE,
    "team": {"anyOf": [NULLABLE, STRINGS, _RELATION_QUERY]},
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
ENTITY = with_queries(object_of(_ENTITY, more=True))
BULK_ENTITIES: Schema = object_of(
    {"entities": {"type": "array", "minItems": 1, "maxItems": 20, "items": {"type": "object"}}},
    ("entities",),
)
BULK_DELETE = object_of(
    {"entities": {"type": "array", "items": STRING, "minItems": 1, "maxItems": 100}},
    ("entities",),
)

# --- the rest -------------------------------------------------------------------------------

TOKEN = object_of({"clientId": STRING, "clientSecret": STRING}, ("clientId", "clientSecret"))
MIGRATION = object_of(
    {
        "sourceBlueprint": STRING,
        "mapping": object_of(
            {
                "blueprint": STRING,
                "filter": STRING,
                "itemsToParse": STRING,
                "entity": object_of(
                    {
                        "identifier": STRING,
                        "title": STRING,
                        "icon": STRING,
                        "team": STRING,
                        "properties": {"type": "object", "additionalProperties": STRING},
                        "relations": {"type": "object", "additionalProperties": STRING},
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
CANCEL = object_of({"reason": STRING}, more=True)
