"""The aggregation properties of a blueprint as the provider's resource.

`port_aggregation_properties` owns the whole map of one blueprint, so it is written only for a
blueprint that is written whole as well. Attributes: the provider's sources
(`port/aggregation-properties`, 2026-08). Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.terraform.go_json import write_go_json
from falcoport.terraform.hcl import Block, Reference, label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.json_types import Json
    from falcoport.terraform.missing import Missing

_TEXTS = ("title", "icon", "description")
_KEYS = (*_TEXTS, "type", "target", "calculationSpec", "query", "pathFilter")


def build_aggregations(
    blueprint: Json, known: Mapping[str, Reference], missing: Missing, *, adopt: bool
) -> list[Block]:
    """Return the resource, with an import block before it where it exists already.

    `known` are the blueprints of the same code; `missing` takes what the provider cannot hold.
    """
    identifier = blueprint["identifier"]
    name = label(identifier)
    address = f"port_aggregation_properties.{name}"
    attributes = {
        "blueprint_identifier": known.get(identifier, identifier),
        "properties": {
            key: _aggregation(body, known, f"blueprint {identifier}: aggregation {key}", missing)
            for key, body in blueprint["aggregationProperties"].items()
        },
    }
    block = Block(("resource", "port_aggregation_properties", name), attributes)
    if not adopt:
        return [block]
    return [Block(("import",), {"to": Reference(address), "id": identifier}), block]


def _aggregation(body: Json, known: Mapping[str, Reference], where: str, missing: Missing) -> Json:
    missing.unknown(where, (key for key, value in body.items() if value is not None), _KEYS)
    attributes: Json = {key: body[key] for key in _TEXTS if body.get(key) is not None}
    target = body["target"]
    attributes["target_blueprint_identifier"] = known.get(target, target)
    attributes["method"] = _method(body["calculationSpec"], where, missing)
    if body.get("query"):
        attributes["query"] = write_go_json(body["query"])
    if body.get("pathFilter"):
        attributes["path_filter"] = [
            {
                **({"from_blueprint": one["fromBlueprint"]} if one.get("fromBlueprint") else {}),
                "path": one["path"],
            }
            for one in body["pathFilter"]
        ]
    return attributes


def _method(spec: Json, where: str, missing: Missing) -> Json:
    by, function = spec.get("calculationBy"), spec.get("func")
    times = {"averageOf": "average_of", "measureTimeBy": "measure_time_by"}
    match by, function:
        case "entities", "count":
            return {"count_entities": True}
        case "entities", "average":
            return {"average_entities": {times[key]: spec[key] for key in times if key in spec}}
        case "property", "average":
            names = {**times, "property": "property"}
            return {"average_by_property": {names[key]: spec[key] for key in names if key in spec}}
        case "property", _:
            return {"aggregate_by_property": {"func": function, "property": spec["property"]}}
    missing.add(f"{where}.calculationSpec", f"the provider knows no {function!r} of {by!r}")
    return {}
