"""What `setup` keeps in Port, as code: for Terraform, or as the bodies that Port's API takes.

Terraform: provider `port-labs/port-labs` 2.x, resources `port_blueprint` and `port_webhook`. Its
attributes and how it reads Port back into its state are those of its sources
(`port/blueprint/schema.go`, `updatePropertiesToState.go`, `port/webhook/refreshWebhookState.go`,
2026-08): what is written here equals what it reads, so that adopting plans no changes. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from falcoport.manifests.action import SENT_KEYS
from falcoport.manifests.page import PAGE
from falcoport.manifests.schema import BLUEPRINT, WEBHOOK
from falcoport.manifests.scorecard import SCORECARD
from falcoport.resources.webhook_security import Guard, guard
from falcoport.terraform.aggregations import build_aggregations
from falcoport.terraform.extras import ExtraBodies, build_blocks
from falcoport.terraform.go_json import write_go_json
from falcoport.terraform.hcl import Block, Reference, label, written
from falcoport.terraform.missing import PROVIDER, Missing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from falcoport.json_types import Json
    from falcoport.manifests.validation import Object


PROVIDER_VERSION = "~> 2.0"
TERRAFORM_VERSION = ">= 1.5"
"""The first with import blocks."""
PROVIDER_API_URL = "https://api.getport.io"
"""Where the provider looks by default: Port's European API under its older name."""

# Port's keys and the provider's attributes. Those of every kind of property:
_PROPERTY = {"title": "title", "icon": "icon", "description": "description"}
_BY_TYPE = {
    "string": {
        "format": "format",
        "default": "default",
        "minLength": "min_length",
        "maxLength": "max_length",
        "pattern": "pattern",
        "spec": "spec",
        "enum": "enum",
        "enumColors": "enum_colors",
        "dateFormat": "date_format",
    },
    "number": {
        "default": "default",
        "minimum": "minimum",
        "maximum": "maximum",
        "enum": "enum",
        "enumColors": "enum_colors",
    },
    "boolean": {"default": "default"},
    "array": {
        "minItems": "min_items",
        "maxItems": "max_items",
    },
    "object": {"default": "default", "spec": "spec", "format": "format"},
}
_ITEMS = {
    "string": {
        "format": "format",
        "pattern": "pattern",
        "enum": "enum",
        "enumColors": "enum_colors",
    },
    "number": {},
    "boolean": {},
    "object": {"format": "format"},
}
_SPEC_AUTHENTICATION = {
    "clientId": "client_id",
    "tokenUrl": "token_url",
    "authorizationUrl": "authorization_url",
}
_RELATION = {"title": "title", "description": "description", "target": "target"}
_RELATION_FLAGS = ("required", "many")
_MIRROR = {"path": "path", "title": "title"}
_CALCULATION = {
    "calculation": "calculation",
    "type": "type",
    "title": "title",
    "description": "description",
    "icon": "icon",
    "format": "format",
    "colorized": "colorized",
    "colors": "colors",
    "dateFormat": "date_format",
    "spec": "spec",
}
_BLUEPRINT = {"identifier": "identifier"} | _PROPERTY
_OWNERSHIP = {"type": "type", "path": "path", "title": "title"}
_DEFAULTS = {"union": False, "includeDuplicates": False, "integrationType": "custom"}
"""Keys that the provider does not know, with the value that Port gives them without being told."""
_SECURITY = {
    "signatureHeaderName": "signature_header_name",
    "signatureAlgorithm": "signature_algorithm",
    "signaturePrefix": "signature_prefix",
    "requestIdentifierPath": "request_identifier_path",
}


@dataclass(frozen=True)
class Resources:
    """The blueprint and the webhook, as Port gives them or as the manifests say.

    `namespace` is the blueprint that alerts are related to, None where it is left to its owner;
    `finding` is that of findings, None without them. `extras` is what `setup --with …` made.
    """

    blueprint: Json
    webhook: Json
    namespace: Json | None = None
    finding: Json | None = None
    extras: ExtraBodies = field(default_factory=ExtraBodies)


def bodies(resources: Resources) -> Json:
    """Return the raw bodies that Port's API takes, ready for POST; never with a secret."""
    blueprint = _body(resources.blueprint, BLUEPRINT)
    found = {"blueprint": blueprint, "webhook": _body(resources.webhook, WEBHOOK)}
    if resources.finding is not None:
        found = {"finding": _body(resources.finding, BLUEPRINT), **found}
    if resources.namespace is not None:
        found = {"namespace": _body(resources.namespace, BLUEPRINT), **found}
    return {**found, **_extra_bodies(resources.extras)}


def _extra_bodies(extras: ExtraBodies) -> Json:
    """Return what `setup --with` made, scorecards by the blueprint that they are posted to."""
    found: Json = {}
    if extras.pages:
        found["pages"] = [_body(one, PAGE) for one in extras.pages]
    for one in extras.scorecards:
        body = _body(one, SCORECARD)
        found.setdefault("scorecards", {}).setdefault(one["blueprint"], []).append(body)
    if extras.actions:
        found["actions"] = [
            {key: one[key] for key in SENT_KEYS if one.get(key) is not None}
            for one in extras.actions
        ]
    return found


def _body(resource: Json, shape: Object) -> Json:
    """Return what a person may set of a resource: Port adds identifiers, dates and more to it."""
    body = {key: value for key, value in resource.items() if key in shape.fields}
    security = body.get("security")
    if isinstance(security, dict):
        kept = {key: v for key, v in security.items() if key != "secret" and v is not None}
        body["security"] = kept
        if not kept:
            del body["security"]
    return body


def terraform(resources: Resources, *, adopt: bool, api_url: str = PROVIDER_API_URL) -> str:
    """Return HCL that describes the resources for Terraform.

    `adopt` writes import blocks, for resources that exist in Port already. `api_url` is Port's
    base URL without `/v1`.
    Raises InputError, with every place, where something has no attribute in the provider:
    Terraform writes resources whole, so leaving it out would remove it from Port.
    """
    missing = Missing()
    webhook = _body(resources.webhook, WEBHOOK)
    blueprints = [
        _body(one, BLUEPRINT)
        for one in (resources.namespace, resources.finding, resources.blueprint)
        if one is not None
    ]
    addresses = {
        one["identifier"]: f"port_blueprint.{label(one['identifier'])}" for one in blueprints
    }
    known = {name: Reference(f"{address}.identifier") for name, address in addresses.items()}
    webhook_label = label(webhook["identifier"])
    blocks = [_required_provider()]
    if api_url.rstrip("/") not in (PROVIDER_API_URL, "https://api.port.io"):
        blocks.append(Block(("provider", "port"), {"base_url": api_url}))
    if adopt:
        blocks.extend(_import(address, name) for name, address in addresses.items())
        blocks.append(_import(f"port_webhook.{webhook_label}", webhook["identifier"]))
    blocks.extend(
        Block(
            ("resource", "port_blueprint", label(one["identifier"])),
            _blueprint(one, known, missing),
        )
        for one in blueprints
    )
    blocks.append(
        Block(
            ("resource", "port_webhook", webhook_label),
            _webhook(webhook, known, missing),
            blocks=_lifecycle(resources.webhook),
            comments=_security_comments(resources.webhook),
        )
    )
    # The provider takes all aggregation properties of a blueprint or none: those of a blueprint
    # that is written whole are written whole too.
    blocks.extend(
        block
        for one in blueprints
        if one.get("aggregationProperties")
        for block in build_aggregations(one, known, missing, adopt=adopt)
    )
    blocks.extend(build_blocks(resources.extras, adopt=adopt))
    missing.refuse()
    return "\n".join(written(block) for block in blocks)


def _required_provider() -> Block:
    source = {"source": PROVIDER, "version": PROVIDER_VERSION}
    return Block(
        ("terraform",),
        {"required_version": TERRAFORM_VERSION},
        blocks=(Block(("required_providers",), {"port": source}),),
        comments=(
            "Leave this block out where the module has it. Credentials come from PORT_CLIENT_ID",
            "and PORT_CLIENT_SECRET.",
        ),
    )


def _import(address: str, identifier: str) -> Block:
    return Block(("import",), {"to": Reference(address), "id": identifier})


def _taken(value: Mapping[str, Any], names: Mapping[str, str]) -> Json:
    """Return the provider's attributes for the keys of `value`; null and absent mean the same."""
    return {names[key]: value[key] for key in names if value.get(key) is not None}


def _given(value: Mapping[str, Any]) -> list[str]:
    """Return the keys that say something: null and Port's own default are as good as absent."""
    return [
        key
        for key, member in value.items()
        if member is not None and not (key in _DEFAULTS and member == _DEFAULTS[key])
    ]


def _blueprint(blueprint: Json, known: Mapping[str, Reference], missing: Missing) -> Json:
    where = f"blueprint {blueprint['identifier']}"
    others = {name: address for name, address in known.items() if name != blueprint["identifier"]}
    parts: dict[str, Callable[[Any], Json]] = {
        "schema": lambda value: _properties(value, f"{where}: schema", missing),
        "relations": lambda value: _relations(value, others, f"{where}: relations", missing),
        "mirrorProperties": lambda value: _mirrors(value, f"{where}: mirrorProperties", missing),
        "calculationProperties": lambda value: _calculations(
            value, f"{where}: calculationProperties", missing
        ),
        "ownership": lambda value: _flat("ownership", value, _OWNERSHIP, where, missing),
        "teamInheritance": lambda value: _flat(
            "team_inheritance", value, {"path": "path"}, where, missing
        ),
        "changelogDestination": lambda value: _changelog(value, where, missing),
        "includeInGlobalSearch": lambda value: {"include_in_global_search": value},
        # A resource of its own; the provider keeps them when it writes the blueprint.
        "aggregationProperties": lambda _value: {},
    }
    attributes = _taken(blueprint, _BLUEPRINT)
    for key, part in parts.items():
        if blueprint.get(key) not in (None, {}):
            attributes |= part(blueprint[key])
    return attributes


def _flat(name: str, value: Json, names: Mapping[str, str], where: str, missing: Missing) -> Json:
    missing.unknown(f"{where}.{name}", _given(value), names)
    return {name: _taken(value, names)}


def _changelog(value: Json, where: str, missing: Missing) -> Json:
    if value.get("type") == "KAFKA":
        return {"kafka_changelog_destination": {}}
    rest = {key: member for key, member in value.items() if key != "type"}
    return _flat(
        "webhook_changelog_destination", rest, {"url": "url", "agent": "agent"}, where, missing
    )


def _properties(schema: Json, where: str, missing: Missing) -> Json:
    missing.unknown(where, schema, ("properties", "required"))
    required = schema.get("required") or []
    groups: dict[str, Json] = {}
    for name, value in (schema.get("properties") or {}).items():
        at = f"{where}.properties.{name}"
        if value.get("type") not in _BY_TYPE:
            missing.add(at, f"the provider knows no type {value.get('type')!r}")
            continue
        attributes = _property(value, at, missing)
        if name in required:
            attributes["required"] = True
        groups.setdefault(f"{value['type']}_props", {})[name] = attributes
    return {"properties": {name: groups[name] for name in sorted(groups)}} if groups else {}


def _property(value: Json, where: str, missing: Missing) -> Json:
    kind = value["type"]
    names = _PROPERTY | _BY_TYPE[kind]
    further = {"type"}
    attributes = _taken(value, names)
    _refuse_empty_enum(value, where, missing)
    if kind == "number":
        attributes = {key: _as_float64(member) for key, member in attributes.items()}
    if kind == "string":
        further.add("specAuthentication")
        attributes |= _spec_authentication(value, where, missing)
    elif kind == "array":
        further |= {"items", "default"}
        attributes |= _items(value, where, missing)
    elif kind == "object" and "default" in attributes:
        attributes["default"] = write_go_json(attributes["default"])
    missing.unknown(where, _given(value), {*names, *further})
    return attributes


def _refuse_empty_enum(value: Json, where: str, missing: Missing) -> None:
    if value.get("enum") == []:
        missing.add(f"{where}.enum", "the provider cannot hold an empty list of values")


def _as_float64(value: Any) -> Any:
    """Return numbers as the provider keeps them: a float64, written to its last digit.

    HCL's numbers are exact. `9.9` would not equal the float64 that the provider reads from Port,
    and the plan would change a number without showing a difference.
    """
    if isinstance(value, list):
        return [_as_float64(element) for element in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    number = float(value)
    if number.is_integer() and abs(number) >= _INT64:
        # Beyond 64 bits the provider's wire format has the shortest digits, and zeros.
        return Reference(f"{Decimal(repr(number)):f}")
    return Reference(f"{Decimal(int(number) if number.is_integer() else number):f}")


_INT64 = 2**63


def _spec_authentication(value: Json, where: str, missing: Missing) -> Json:
    authentication = value.get("specAuthentication")
    if authentication is None:
        return {}
    return _flat("spec_authentication", authentication, _SPEC_AUTHENTICATION, where, missing)


def _items(value: Json, where: str, missing: Missing) -> Json:
    items, default = value.get("items"), value.get("default")
    if not items:
        if default is not None:
            missing.add(f"{where}.default", "the provider has none for a list without `items`")
        return {}
    kind = items.get("type")
    if kind not in _ITEMS:
        missing.add(f"{where}.items", "the provider needs the items' type")
        return {}
    missing.unknown(f"{where}.items", (k for k in items if k != "type"), _ITEMS[kind])
    _refuse_empty_enum(items, f"{where}.items", missing)
    attributes = _taken(items, _ITEMS[kind])
    if default is not None:
        attributes["default"] = _default_items(default, kind)
    return {f"{kind}_items": attributes}


def _default_items(default: list[Any], kind: str) -> Any:
    if kind == "object":
        return [write_go_json(element) for element in default]
    return _as_float64(default) if kind == "number" else default


def _relations(
    relations: Json, known: Mapping[str, Reference], where: str, missing: Missing
) -> Json:
    found = {}
    for name, relation in relations.items():
        missing.unknown(f"{where}.{name}", _given(relation), {*_RELATION, *_RELATION_FLAGS})
        flags = {key: bool(relation.get(key)) for key in _RELATION_FLAGS}
        found[name] = _taken(relation, _RELATION) | flags
        found[name]["target"] = known.get(relation["target"], relation["target"])
    return {"relations": found}


def _mirrors(mirrors: Json, where: str, missing: Missing) -> Json:
    found = {}
    for name, mirror in mirrors.items():
        missing.unknown(f"{where}.{name}", _given(mirror), _MIRROR)
        found[name] = _taken(mirror, _MIRROR)
    return {"mirror_properties": found}


def _calculations(calculations: Json, where: str, missing: Missing) -> Json:
    found = {}
    for name, value in calculations.items():
        at = f"{where}.{name}"
        attributes = _taken(value, _CALCULATION) | _spec_authentication(value, at, missing)
        missing.unknown(at, _given(value), {*_CALCULATION, "specAuthentication"})
        found[name] = attributes
    return {"calculation_properties": found}


def _webhook(webhook: Json, known: Mapping[str, Reference], missing: Missing) -> Json:
    where = f"webhook {webhook['identifier']}"
    names = {key: key for key in ("identifier", "title", "icon", "description")}
    attributes: Json = _taken(webhook, names)
    attributes["enabled"] = webhook.get("enabled", True)  # the provider's default is false
    missing.unknown(where, _given(webhook), {*names, "enabled", "security", "mappings"})
    security = _taken(webhook.get("security") or {}, _SECURITY)
    if security:
        attributes["security"] = security
    mappings = webhook.get("mappings") or []
    if mappings:
        attributes["mappings"] = [
            _mapping(mapping, known, f"{where}: mappings[{index}]", missing)
            for index, mapping in enumerate(mappings)
        ]
    return attributes


def _mapping(mapping: Json, known: Mapping[str, Reference], where: str, missing: Missing) -> Json:
    plain = {"filter": "filter", "itemsToParse": "items_to_parse"}
    blueprint = mapping["blueprint"]
    attributes: Json = {"blueprint": known.get(blueprint, blueprint), **_taken(mapping, plain)}
    operation = mapping.get("operation")
    if isinstance(operation, str):
        attributes["operation"] = {"type": operation}
    elif operation is not None:
        names = {"type": "type", "deleteDependents": "delete_dependents"}
        attributes |= _flat("operation", operation, names, where, missing)
    attributes["entity"] = _entity(mapping["entity"], f"{where}.entity", missing)
    missing.unknown(where, _given(mapping), {*plain, "blueprint", "operation", "entity"})
    return attributes


def _entity(entity: Json, where: str, missing: Missing) -> Json:
    names = {key: key for key in ("identifier", "title", "icon", "team")}
    attributes = _taken(entity, names)
    for key in names:
        if isinstance(entity.get(key), dict):
            missing.add(f"{where}.{key}", "the provider knows no search query here")
    if entity.get("properties") is not None:
        attributes["properties"] = entity["properties"]
    if entity.get("relations") is not None:
        attributes["relations"] = {
            name: write_go_json(value) if isinstance(value, dict) else value
            for name, value in entity["relations"].items()
        }
    missing.unknown(where, _given(entity), {*names, "properties", "relations"})
    return attributes


def _security_comments(webhook: Json) -> tuple[str, ...]:
    if guard(webhook) is Guard.OPEN:
        return ()
    return (
        "Port does not give the webhook's secret back, so Terraform cannot write this webhook",
        "without losing it: Terraform reads it (its `url`, for one) and falcoport changes it.",
        "To let Terraform own it: remove `lifecycle`, add `secret` to `security` from a sensitive",
        "variable, and expect that attribute as a change in every plan.",
    )


def _lifecycle(webhook: Json) -> tuple[Block, ...]:
    if guard(webhook) is Guard.OPEN:
        return ()
    return (Block(("lifecycle",), {"ignore_changes": Reference("all")}),)
