"""A webhook's guard: what it asks for, and when it is written."""

from __future__ import annotations

from typing import Any

import pytest

from falcoport.errors import ConflictError, InputError
from falcoport.provision.security import Guard, Securing, guard, header_for, header_name

OPEN: dict[str, Any] = {"identifier": "falco", "security": {}}
HEADER = {
    "identifier": "falco",
    "security": {"signatureHeaderName": "X-Mine", "signatureAlgorithm": "plain", "secret": "***"},
}
SIGNED = {
    "identifier": "falco",
    "security": {"signatureHeaderName": "X-Hub", "signatureAlgorithm": "sha256"},
}
BODY = {"identifier": "falco", "title": "Falco"}


def generated() -> str:
    return "generated"


def never() -> str:
    pytest.fail("no secret is needed")


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
    assert Securing().laid_over(BODY, live, generated) == {
        **BODY,
        "security": {
            "secret": "generated",
            "signatureHeaderName": "X-Falcoport-Secret",
            "signatureAlgorithm": "plain",
            "requestIdentifierPath": ".body.uuid",
        },
    }


def test_a_given_secret_and_header_are_taken() -> None:
    body = Securing(header="X-Mine", secret="given").laid_over(BODY, OPEN, never)
    assert body["security"]["secret"] == "given"
    assert body["security"]["signatureHeaderName"] == "X-Mine"


@pytest.mark.parametrize("securing", [Securing(), Securing(secret="given"), Securing("x-mine")])
def test_a_webhook_that_asks_for_the_header_stays_as_it_is(securing: Securing) -> None:
    assert securing.laid_over(BODY, HEADER, never) == BODY


def test_rotating_keeps_the_header_and_sets_the_secret() -> None:
    block = Securing(rotate=True).laid_over(BODY, HEADER, generated)["security"]
    assert (block["signatureHeaderName"], block["secret"]) == ("X-Mine", "generated")


def test_another_header_needs_a_secret() -> None:
    with pytest.raises(ConflictError, match="X-Mine"):
        Securing(header="X-Other").laid_over(BODY, HEADER, never)
    block = Securing(header="X-Other", secret="given").laid_over(BODY, HEADER, never)["security"]
    assert (block["signatureHeaderName"], block["secret"]) == ("X-Other", "given")


def test_signed_bodies_are_replaced_only_when_asked() -> None:
    with pytest.raises(ConflictError, match="signed bodies"):
        Securing().laid_over(BODY, SIGNED, never)
    block = Securing(rotate=True).laid_over(BODY, SIGNED, generated)["security"]
    assert block["signatureAlgorithm"] == "plain"
    assert block["signatureHeaderName"] == "X-Falcoport-Secret"


def test_a_prefix_for_signatures_is_cleared() -> None:
    live = {**OPEN, "security": {"signaturePrefix": "sha256="}}
    assert Securing().laid_over(BODY, live, generated)["security"]["signaturePrefix"] is None


def test_the_sender_sends_prefix_and_secret() -> None:
    live = {"security": {**HEADER["security"], "signaturePrefix": "Bearer "}}  # type: ignore[dict-item]
    header = header_for(live, "abc")
    assert header is not None
    assert header.joined == "X-Mine:Bearer abc"
    assert header_for(OPEN, "abc") is None


def test_a_bad_name_or_secret_is_refused_before_anything_is_read() -> None:
    with pytest.raises(InputError, match="colon"):
        Securing(secret="a:b")
    with pytest.raises(InputError, match="header's name"):
        Securing(header="X Y")


def test_the_secret_is_in_no_repr() -> None:
    assert "s3cr3t" not in repr(Securing(secret="s3cr3t"))
