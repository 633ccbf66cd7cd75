"""What a plan says: names that tell things apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.command_line import falcoport

if TYPE_CHECKING:
    from falcoport.sandbox.server import RunningSandbox


def test_two_parts_of_one_name_are_named_with_what_they_are_part_of(
    pointed: RunningSandbox,
) -> None:
    del pointed
    arguments = ("--findings", "--create-namespace-blueprint")
    plan = falcoport("plan", *arguments)
    assert "+ relation namespace of falco_alert: create" in plan.stdout
    assert "+ relation namespace of falco_finding: create" in plan.stdout
    assert "+ relation finding: create" in plan.stdout
    changes = falcoport("plan", *arguments, "-o", "json").data["changes"]
    assert {c["owner"] for c in changes if c["identifier"] == "namespace" and "owner" in c} == {
        "falco_alert",
        "falco_finding",
    }
