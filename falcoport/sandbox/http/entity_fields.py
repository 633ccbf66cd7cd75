"""Which fields of an entity a call asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falcoport.sandbox.storage.fields import Fields
from falcoport.sandbox.validation import flag

if TYPE_CHECKING:
    from falcoport.sandbox.http.routing import Call, Document
    from falcoport.sandbox.state import State
    from falcoport.sandbox.storage.blueprints import Blueprint


def requested_fields(call: Call) -> Fields:
    """Return the fields that a call's query includes and excludes."""
    return Fields(call.listed.get("include", ()), call.listed.get("exclude", ()))


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
