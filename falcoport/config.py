"""`falcoport.yaml`: what a set-up is, in one file for git. Options and the environment win over it.

It never holds credentials or secrets. What is wrong in it is said with file, line and key.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcoport.errors import ConfigError, Problem
from falcoport.falco.priorities import PRIORITIES, find_priority
from falcoport.manifests.documents import (
    UnreadableError,
    check_document,
    make_reporter,
    read_document,
)
from falcoport.manifests.extra_names import MOST_DAYS, ChannelKind, Extra, read_days
from falcoport.manifests.validation import Choice, Flag, ListOf, Object, Text, child
from falcoport.mapping.finding_expressions import Key as FindingKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcoport.manifests.documents import Document
    from falcoport.manifests.validation import Report, Shape

FILE_NAME = "falcoport.yaml"
SCHEMA_NAME = "falcoport.schema.json"
VARIABLE = "FALCOPORT_CONFIG"
_CODE = "bad_config"
_CREDENTIALS = frozenset(
    "client_id client_secret clientId clientSecret secret token password webhook_secret "
    "access_token api_key".split()
)
_ANY = Text(shortest=1)


@dataclass(frozen=True)
class ChannelConfig:
    """Where people are told: in which file or variable the URL is, and from which priority on."""

    kind: ChannelKind
    priority: str | None = None
    url_file: Path | None = None
    url_variable: str | None = None


@dataclass(frozen=True)
class Config:
    """What the file says; None or nothing where it says nothing.

    Paths are relative to the file's folder. `source` is the file's name, for messages.
    """

    source: str = ""
    region: str | None = None
    api_url: str | None = None
    profile: str | None = None
    blueprint: Path | None = None
    webhook_config: Path | None = None
    webhook_id: str | None = None
    webhook_title: str | None = None
    secured: bool | None = None
    header: str | None = None
    clusters: tuple[str, ...] | None = None
    identifier: str | None = None
    min_priority: str | None = None
    only_rules: tuple[str, ...] | None = None
    skip_rules: tuple[str, ...] | None = None
    only_namespaces: tuple[str, ...] | None = None
    skip_namespaces: tuple[str, ...] | None = None
    findings: str | None = None
    findings_by: tuple[str, ...] | None = None
    namespace: bool | None = None
    namespace_blueprint: str | None = None
    workload: bool | None = None
    ensure_namespaces: bool | None = None
    extras: tuple[Extra, ...] = ()
    channels: tuple[ChannelConfig, ...] = ()
    retention_days: int | None = None


def _region_or_address(value: dict[str, object], at: str, report: Report) -> None:
    if "region" in value and "api_url" in value:
        report(child(at, "api_url"), "cannot be combined with region")


def _one_source(value: dict[str, object], at: str, report: Report) -> None:
    if "url_file" in value and "url_variable" in value:
        report(child(at, "url_variable"), "goes without url_file: one of them holds the URL")


def _each_once(value: dict[str, object], at: str, report: Report) -> None:
    channels = value.get("notify")
    seen: set[object] = set()
    for index, one in enumerate(channels if isinstance(channels, list) else ()):
        name = one.get("channel") if isinstance(one, dict) else None
        if isinstance(name, str) and name in seen:
            where = child(child(child(at, "notify"), index), "channel")
            report(where, f"is {name!r} once more: there is one automation for each channel")
        elif isinstance(name, str):
            seen.add(name)


_CHANNEL = Object(
    {
        "channel": Choice(tuple(ChannelKind)),
        "priority": Choice(tuple(one.lower() for one in PRIORITIES)),
        "url_file": _ANY,
        "url_variable": _ANY,
    },
    required=("channel",),
    further=_one_source,
)
_PORT = Object({"region": Choice(("eu", "us")), "api_url": _ANY}, further=_region_or_address)
SHAPE = Object(
    {
        "port": _PORT,
        "profile": Choice(("guide", "standard")),
        "manifests": Object({"blueprint": _ANY, "webhook": _ANY}),
        "webhook": Object({"identifier": _ANY, "title": _ANY, "secured": Flag(), "header": _ANY}),
        "clusters": ListOf(_ANY),
        "alerts": Object(
            {
                "identifier": Choice(("hostname-time", "hostname-time-rule", "uuid")),
                "min_priority": Choice(tuple(one.lower() for one in PRIORITIES)),
                "only_rules": ListOf(_ANY),
                "skip_rules": ListOf(_ANY),
                # The alerts outside of Kubernetes have the namespace "".
                "only_namespaces": ListOf(Text()),
                "skip_namespaces": ListOf(Text()),
            }
        ),
        "findings": Object(
            {
                "keep": Choice(("off", "with_alerts", "only")),
                "by": ListOf(Choice(tuple(FindingKey))),
            }
        ),
        "relations": Object(
            {
                "namespace": Flag(),
                "namespace_blueprint": _ANY,
                "workload": Flag(),
                "ensure_namespaces": Flag(),
            }
        ),
        "with": ListOf(Choice(tuple(Extra))),
        "notify": ListOf(_CHANNEL),
        "retention": Text(
            accepts=read_days, spelled=f"it takes days from 1d to {MOST_DAYS}d, such as 30d"
        ),
    },
    further=_each_once,
)
"""What the file may hold."""


def find_config(named: Path | None, environment: Mapping[str, str], folder: Path) -> Path | None:
    """Return the file to read: the option's, the variable's, or that of the working folder."""
    if named is not None:
        return named
    if environment.get(VARIABLE):
        return Path(environment[VARIABLE])
    # By its bare name, which is what messages show.
    return Path(FILE_NAME) if (folder / FILE_NAME).exists() else None


def load_config(path: Path) -> Config:
    """Read and check a file. Raise ConfigError with every problem in it."""
    try:
        document = read_document(path)
    except UnreadableError as error:
        problem = Problem(_CODE, f"{path} {error}.", str(path), error.hint)
        raise ConfigError(problem.message, problems=(problem,)) from None
    problems: list[Problem] = []
    _refuse_credentials(document, problems)
    if not problems:
        check_document(document, SHAPE, problems, _CODE)
    if problems:
        count = len(problems)
        message = problems[0].message if count == 1 else f"{count} problems in {path}."
        raise ConfigError(message, problems=tuple(problems))
    return _build(document.value, path)


def _refuse_credentials(document: Document, problems: list[Problem]) -> None:
    report = make_reporter(document, problems, _CODE)

    def walk(value: object, at: str) -> None:
        if isinstance(value, dict):
            for key, member in value.items():
                if key in _CREDENTIALS:
                    report(
                        child(at, key),
                        "does not belong in this file: give credentials and secrets by the "
                        "environment or a file of their own",
                    )
                walk(member, child(at, str(key)))
        elif isinstance(value, list):
            for index, member in enumerate(value):
                walk(member, child(at, index))

    walk(document.value, "")


def _build(value: Mapping[str, Any], path: Path) -> Config:
    port, webhook = value.get("port") or {}, value.get("webhook") or {}
    alerts, relations = value.get("alerts") or {}, value.get("relations") or {}
    manifests, findings = value.get("manifests") or {}, value.get("findings") or {}
    files = {key: path.parent / name for key, name in manifests.items()}
    clusters = value.get("clusters")
    return Config(
        source=str(path),
        region=port.get("region"),
        api_url=port.get("api_url"),
        profile=value.get("profile"),
        blueprint=files.get("blueprint"),
        webhook_config=files.get("webhook"),
        webhook_id=webhook.get("identifier"),
        webhook_title=webhook.get("title"),
        secured=webhook.get("secured"),
        header=webhook.get("header"),
        clusters=None if clusters is None else tuple(dict.fromkeys(clusters)),
        identifier=alerts.get("identifier"),
        min_priority=alerts.get("min_priority"),
        only_rules=_names(alerts, "only_rules"),
        skip_rules=_names(alerts, "skip_rules"),
        only_namespaces=_names(alerts, "only_namespaces"),
        skip_namespaces=_names(alerts, "skip_namespaces"),
        findings=findings.get("keep"),
        findings_by=_names(findings, "by"),
        namespace=relations.get("namespace"),
        namespace_blueprint=relations.get("namespace_blueprint"),
        workload=relations.get("workload"),
        ensure_namespaces=relations.get("ensure_namespaces"),
        extras=_build_extras(value),
        channels=tuple(_build_channel(one, path.parent) for one in value.get("notify") or ()),
        retention_days=read_days(value.get("retention") or ""),
    )


def _build_extras(value: Mapping[str, Any]) -> tuple[Extra, ...]:
    """Return what the file names, and what it says something about."""
    named = {*value.get("with", ())}
    implied = {Extra.NOTIFY: value.get("notify"), Extra.RETENTION: value.get("retention")}
    return tuple(extra for extra in Extra if extra in named or implied.get(extra))


def _build_channel(value: Mapping[str, Any], folder: Path) -> ChannelConfig:
    file = value.get("url_file")
    return ChannelConfig(
        ChannelKind(value["channel"]),
        find_priority(value["priority"]) if "priority" in value else None,
        None if file is None else folder / file,
        value.get("url_variable"),
    )


def _names(part: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    return tuple(dict.fromkeys(part[key])) if key in part else None


def config_schema() -> dict[str, Any]:
    """Return the file's JSON Schema, from which editors complete it."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": FILE_NAME,
        "description": "What a set-up of falcoport is. Never credentials or secrets.",
        **_to_schema(SHAPE),
    }


def _to_schema(shape: Shape) -> dict[str, Any]:
    if isinstance(shape, Object):
        properties = {key: _to_schema(member) for key, member in shape.fields.items()}
        required = {"required": list(shape.required)} if shape.required else {}
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": properties,
            **required,
        }
    if isinstance(shape, ListOf):
        return {"type": "array", "items": _to_schema(shape.element)}
    if isinstance(shape, Choice):
        return {"enum": list(shape.words)}
    if isinstance(shape, Flag):
        return {"type": "boolean"}
    if isinstance(shape, Text):
        pattern = {"pattern": "^[0-9]{1,4}d?$"} if shape.accepts is read_days else {}
        return {"type": "string", "minLength": shape.shortest, **pattern}
    return {}
