"""A webhook's guard: what it asks for, and when it is written."""

from __future__ import annotations

from typing import Any

import pytest

from falcoport.errors import ConflictError, UsageError
from falcoport.reconcile.goal import Goal
from falcoport.reconcile.plan import plan
from falcoport.resources.interface import Catalog
from falcoport.resources.webhook import Webhook
from falcoport.resources.webhook_security import (
    Guard,
    SecretHeader,
    guard,
    header_for,
    header_name,
)

OPEN: dict[str, Any] = {"identifier": "falco", "security": {}}
HEADER = {
    "identifier": "falco",
    "security": {"signatureHeaderName": "X-Mine", "signatureAlgorithm": "plain", "secret": "***"},
}
SIGNED = {
    "identifier": "falco",
    "security": {"signatureHeaderName": "X-Hub", "signatureAlgorithm": "sha256"},
}


def written(header: SecretHeader, live: dict[str, Any] | None) -> dict[str, Any]:
    assert not list(header.find_conflicts(live))
    block = header.make_block(live)
    assert block is not None
    return block


def conflict(header: SecretHeader, live: dict[str, Any]) -> str:
    assert header.make_block(live) is None
    (problem,) = header.find_conflicts(live)
    assert problem.code in ("secured_otherwise", "signed_webhook")
    return problem.message


@pytest.mark.parametrize(
    ("webhook", "expected", "name"),
    [
        (OPEN, Guard.OPEN, None),
        ({"identifier": "x"}, Guard.OPEN, None),
        ({"security": None}, Guard.OPEN, None),
        ({"security": {"requestIdentifierPath": ".body.uuid"}}, Guard.OPEN, None),
        ({"security": {"signatureHeaderName": "X", "signatureAlgorithm": None}}, Guard.OPEN, None),
        (HEADER, Guard.HEADER, "X-Mine"),
        (SIGNED, Guard.SIGNATURE, None),
    ],
)
def test_a_webhook_tells_what_it_asks_for(
    webhook: dict[str, Any], expected: Guard, name: str | None
) -> None:
    assert (guard(webhook), header_name(webhook)) == (expected, name)


@pytest.mark.parametrize("live", [None, OPEN])
def test_an_open_webhook_gets_the_whole_block(live: dict[str, Any] | None) -> None:
    assert written(SecretHeader("generated"), live) == {
        "secret": "generated",
        "signatureHeaderName": "X-Falcoport-Secret",
        "signatureAlgorithm": "plain",
        "requestIdentifierPath": ".body.uuid",
    }


def test_a_given_secret_and_header_are_taken() -> None:
    block = written(SecretHeader("given", "X-Mine", given=True), OPEN)
    assert (block["signatureHeaderName"], block["secret"]) == ("X-Mine", "given")


@pytest.mark.parametrize("header", [SecretHeader("made"), SecretHeader("made", "x-mine")])
def test_a_webhook_that_asks_for_the_header_stays_as_it_is(header: SecretHeader) -> None:
    assert header.make_block(HEADER) is None
    assert not list(header.find_conflicts(HEADER))


def test_rotating_keeps_the_header_and_sets_the_secret() -> None:
    block = written(SecretHeader("generated", rotate=True), HEADER)
    assert (block["signatureHeaderName"], block["secret"]) == ("X-Mine", "generated")


def test_another_header_needs_a_given_secret() -> None:
    assert "X-Mine" in conflict(SecretHeader("made", "X-Other"), HEADER)
    block = written(SecretHeader("given", "X-Other", given=True), HEADER)
    assert (block["signatureHeaderName"], block["secret"]) == ("X-Other", "given")


def test_signed_bodies_are_replaced_only_when_asked() -> None:
    assert "signed bodies" in conflict(SecretHeader("made"), SIGNED)
    block = written(SecretHeader("made", rotate=True), SIGNED)
    assert block["signatureAlgorithm"] == "plain"
    assert block["signatureHeaderName"] == "X-Falcoport-Secret"


def test_a_prefix_for_signatures_is_cleared() -> None:
    live = {**OPEN, "security": {"signaturePrefix": "sha256="}}
    assert written(SecretHeader("made"), live)["signaturePrefix"] is None


def test_the_sender_sends_prefix_and_secret() -> None:
    live = {"security": {**HEADER["security"], "signaturePrefix": "Bearer "}}  # type: ignore[dict-item]
    header = header_for(live, "abc")
    assert header is not None
    assert header.joined == "X-Mine:Bearer abc"
    assert header_for(OPEN, "abc") is None


def test_a_bad_name_or_secret_is_refused_before_anything_is_read() -> None:
    with pytest.raises(UsageError, match="colon"):
        SecretHeader("a:b")
    with pytest.raises(UsageError, match="header's name"):
        SecretHeader("fine", "X Y")


def test_the_secret_is_in_no_repr() -> None:
    assert "s3cr3t" not in repr(SecretHeader("s3cr3t"))


def planned(manifest: dict[str, Any], live: dict[str, Any]) -> dict[str, Any] | None:
    """Return the security block that a manifest's webhook makes `setup` write, None for none."""
    names = {"identifier": "falco", "title": "Falco", "enabled": True, "mappings": []}
    webhook = Webhook({**names, "security": manifest})
    found = plan(Goal((webhook,)), Catalog({webhook.key: {**names, **live}}))
    bodies = [write.body for write in found.writes]
    return next((body["security"] for body in bodies if "security" in body), None)


def test_a_manifest_whose_security_is_there_writes_nothing() -> None:
    """Port masks the secret, so it cannot be compared."""
    named = {"signatureHeaderName": "X-Mine", "signatureAlgorithm": "plain", "secret": "in a file"}
    assert planned(named, HEADER) is None
    assert planned({**named, "signaturePrefix": None}, HEADER) is None


def test_a_manifest_that_secures_writes_its_whole_block() -> None:
    named = {"signatureHeaderName": "X-New", "signatureAlgorithm": "plain", "secret": "in a file"}
    assert planned(named, OPEN) == named
    assert planned(named, HEADER) == named


def test_a_manifest_that_would_take_the_secret_away_is_refused() -> None:
    with pytest.raises(ConflictError, match="remove the webhook's secret"):
        planned({"requestIdentifierPath": ".body.uuid"}, HEADER)
    assert planned({"requestIdentifierPath": ".body.uuid"}, OPEN) == {
        "requestIdentifierPath": ".body.uuid"
    }
