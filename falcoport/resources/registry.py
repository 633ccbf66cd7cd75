"""The kinds of things in Port that falcoport knows, by name; a new kind is registered here."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from falcoport.resources.action import Action
from falcoport.resources.blueprint import Blueprint
from falcoport.resources.columns import Columns
from falcoport.resources.entities import Alerts, Entities
from falcoport.resources.page import Page
from falcoport.resources.permissions import Permissions
from falcoport.resources.scorecard import Scorecard
from falcoport.resources.secret import Secret
from falcoport.resources.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.resources.interface import Resource

KINDS: Mapping[str, type[Resource]] = MappingProxyType(
    {
        kind.kind: kind
        for kind in (
            Blueprint,
            Webhook,
            Alerts,
            Entities,
            Page,
            Columns,
            Scorecard,
            Action,
            Permissions,
            Secret,
        )
    }
)
