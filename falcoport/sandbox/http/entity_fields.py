"""Which fields of an entity a call asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.validation import flag

if TYPE_CHECKING:
    from collections.abc import Collection

    from falcoport.sandbox.http.routing import Call, Document
    from falcoport.sandbox.state import State
    from falcoport.sandbox.storage.blueprints import Blueprint


def requested_fields(call: Call) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the fields that a call's query includes and excludes."""
    return call.listed.get("include", ()), call.listed.get("exclude", ())


def leave_out_computed(state: State, call: Call, shown: list[Document]) -> list[Document]:
    """Return entities without what is computed of them, if the call asks for that."""
    if flag(call.query, "exclude_calculated_properties"):
        for entity in shown:
            computed = state.blueprints.get(entity["blueprint"]).computed_names
            for name in computed:
                entity["properties"].pop(name, None)
    return shown


def with_titles(
    state: State, call: Call, blueprint: Blueprint, shown: list[Document]
) -> list[Document]:
    """Return entities with the titles of what they are related to, if the call asks for them."""
    if not flag(call.query, "attach_title_to_relation"):
        return shown
    return state.entities.with_titles(blueprint, shown)


def select_fields(entity: Document, include: Collection[str], exclude: Collection[str]) -> Document:
    """Return an entity with the fields included and without those excluded.

    Names are those of properties and relations, alone or behind `properties.` and `relations.`,
    and of the other fields, alone or behind `$`. The identifier and the blueprint always stay.
    """
    if not include and not exclude:
        return entity

    def stays(*names: str) -> bool:
        if include and not any(name in include for name in names):
            return False
        return not any(name in exclude for name in names)

    kept: Document = {}
    for field_name, value in entity.items():
        if field_name in ("properties", "relations"):
            kept[field_name] = {
                name: one
                for name, one in value.items()
                if stays(name, f"{field_name}.{name}", field_name)
            }
        elif field_name in ("identifier", "blueprint") or stays(field_name, f"${field_name}"):
            kept[field_name] = value
    return kept
