"""The straight way from an alert's text to what the mappings make of it: all of it through libjq.

Pure.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from falcoport.falcosidekick.forward import (
    HEADERS,
    NotForwardedError,
    forwarded,
    without_lone_surrogates,
)
from falcoport.mapping.evaluator import Evaluator
from falcoport.mapping.event import build_event
from falcoport.mapping.numbers import stored_float, stored_integer
from falcoport.preview.interface import NotAnAlertError, Pipeline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from falcoport.json_types import Json
    from falcoport.mapping.outcomes import Outcome

PAYLOAD_LIMIT = 512 * 1024
"""How many bytes Port takes per event (Port docs, "Webhook", limits)."""


def build_pipeline(mappings: Sequence[Mapping[str, Any]], custom_tags: Sequence[str]) -> Pipeline:
    """Return the pipeline for a webhook's mappings and Falcosidekick's custom tags."""
    return Pipeline(AlertReader(custom_tags).read, BodyEvaluator(mappings).evaluate)


def refuse_constant(name: str) -> Any:
    """Raise NotAnAlertError for NaN and Infinity, which Python reads and JSON does not have."""
    raise NotAnAlertError(f"it is not JSON: {name} is not a JSON value")


_DECODER = json.JSONDecoder(
    parse_int=stored_integer, parse_float=stored_float, parse_constant=refuse_constant
)


def parse_object(text: str, decoder: json.JSONDecoder = _DECODER) -> tuple[Json, str]:
    """Return the JSON object that a text begins with, and its own text.

    Falcosidekick reads no further than that either. Raise NotAnAlertError.
    """
    try:
        text = text.lstrip(" \t\r\n")
        value, end = decoder.raw_decode(text)
    except RecursionError:
        raise NotAnAlertError("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise NotAnAlertError(f"it is not JSON: {error.msg} at column {error.colno}") from None
    if not isinstance(value, dict):
        raise NotAnAlertError("it is not a JSON object")
    return value, text[:end]


class AlertReader:
    """Reads alerts; `custom_tags` are those of Falcosidekick's settings."""

    def __init__(self, custom_tags: Sequence[str] = ()) -> None:
        self._custom_tags = tuple(custom_tags)

    def read(self, text: str) -> Json:
        """Return the body for an alert's JSON text; see `Pipeline`."""
        alert, text = parse_object(text)
        return read_sent(alert, text) if "uuid" in alert else self.forward(text)

    def forward(self, text: str) -> Json:
        """Return the body that Falcosidekick makes of an alert as Falco prints it, parsed."""
        try:
            sent = forwarded(text, custom_tags=self._custom_tags)
        except NotForwardedError as error:
            raise NotAnAlertError(f"Falcosidekick does not pass it on: {error}") from None
        if len(sent) > PAYLOAD_LIMIT:
            raise NotAnAlertError(
                f"its body is {len(sent):,} bytes long, and Port takes {PAYLOAD_LIMIT:,}"
            )
        body: Json = _DECODER.decode(sent.decode())
        return body


def read_sent(body: Json, text: str) -> Json:
    """Return what Falcosidekick sent already (it has a `uuid`), which stays as it is."""
    missing = [name for name in ("rule", "time", "priority") if name not in body]
    if missing:
        raise NotAnAlertError(f"it has no {missing[0]}")
    if len(text.encode(errors="replace")) > PAYLOAD_LIMIT:
        raise NotAnAlertError(f"it is longer than the {PAYLOAD_LIMIT:,} bytes that Port takes")
    if "\\ud" in text or "\\uD" in text:
        body = _DECODER.decode(without_lone_surrogates(text))
    return body


class BodyEvaluator:
    """The mappings of one webhook, evaluated on bodies that are parsed already."""

    def __init__(self, mappings: Sequence[Mapping[str, Any]]) -> None:
        self._evaluator = Evaluator(mappings)
        self._around = build_event(None, HEADERS)
        self._encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

    def evaluate(self, bodies: Sequence[Json]) -> list[list[Outcome]]:
        """Return for each body what each mapping makes of it. Raise EventError."""
        events = [self._encode(self.event(body)) for body in bodies]
        return self._evaluator.evaluate_many(events, rounded=True)

    def evaluate_one(self, body: Json) -> list[Outcome]:
        """Return what each mapping makes of one body. Raise EventError."""
        return self._evaluator.evaluate(self._encode(self.event(body)), rounded=True)

    def event(self, body: Json) -> Json:
        """Return the event that a mapping sees for a body."""
        return self._around | {"body": body}
