"""A webhook's own mapping loses what an option turned off, and nothing that somebody else wrote."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from falcoport.manifests.loading import load
from falcoport.resources.webhook import Webhook

if TYPE_CHECKING:
    from falcoport.json_types import Json

BODY = load().webhook.body
MINE = ".body.output_fields.pod"


def live_with(line: str) -> Json:
    live = copy.deepcopy(BODY)
    live["mappings"][0]["entity"]["properties"]["pod"] = line
    return live


def merged(line: str) -> Json:
    webhook = Webhook(BODY, dropped_lines={"properties.pod": MINE})
    properties: Json = webhook.merge(live_with(line))["mappings"][0]["entity"]["properties"]
    return properties


def test_an_expression_of_another_profile_goes_as_it_was_written() -> None:
    assert "pod" not in merged(MINE)


def test_an_expression_that_somebody_wrote_under_the_same_name_stays() -> None:
    assert merged(".body.hostname")["pod"] == ".body.hostname"
