"""The files that say what must be in Port: found, read, checked, with every problem at once."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from falcoport.errors import ManifestError, OptionValueError, Problem
from falcoport.manifests import definitions
from falcoport.manifests.validation import child, kind
from falcoport.mapping import finding_expressions

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from falcoport.manifests.validation import Report, Shape

_LARGEST = 1024 * 1024
"""Port's own limit of a request body, hence of anything a manifest could become, in bytes."""
_MOST_NODES = 100_000
_NAMESPACES = (("blueprints", "k8s_namespace.yaml"), ("blueprints", "namespace.yaml"))
_FINDING = ("blueprints", "standard", "falco_finding.yaml")


class Profile(StrEnum):
    """What an alert looks like in Port: as Port's guide has it, or in Port's own style."""

    GUIDE = "guide"
    STANDARD = "standard"


_BLUEPRINTS = {
    Profile.GUIDE: ("blueprints", "falco_alert.yaml"),
    Profile.STANDARD: ("blueprints", "standard", "falco_alert.yaml"),
}
_WEBHOOKS = {
    Profile.GUIDE: ("webhook_configs", "falco_alert_mapper.yaml"),
    Profile.STANDARD: ("webhook_configs", "standard", "falco_alert_mapper.yaml"),
}


@dataclass(frozen=True)
class Manifest:
    """A checked document and the name of its file, for messages.

    `create_only_keys` are the keys that say nothing about a resource which is there already.
    """

    source: str
    body: dict[str, Any]
    create_only_keys: tuple[str, ...] = ()

    @property
    def identifier(self) -> str:
        """The identifier of what it describes."""
        return str(self.body["identifier"])


@dataclass(frozen=True)
class FindingManifests:
    """What findings add to a set-up.

    Their `blueprint`; the `mapping` that makes them, which comes before the one of alerts; and the
    `relation` of an alert to its finding, which the mapping's identifier fills.
    """

    blueprint: Manifest
    mapping: dict[str, Any]
    relation: dict[str, Any]


@dataclass(frozen=True)
class Manifests:
    """What a set-up consists of.

    `namespaces` are the blueprints of namespaces, as today's and the older Kubernetes exporter has
    it: one of them is created where it is missing and asked for, and never changed.
    """

    blueprint: Manifest
    webhook: Manifest
    namespaces: tuple[Manifest, ...]


def load(
    blueprint: Path | None = None,
    webhook: Path | None = None,
    *,
    profile: Profile = Profile.GUIDE,
) -> Manifests:
    """Read and check the shipped manifests of a profile, or those that stand in for them.

    Raises ManifestError with every problem of every file.
    """
    from falcoport.manifests.schema import BLUEPRINT, WEBHOOK

    problems: list[Problem] = []
    found = [
        _loaded(blueprint or _shipped(*_BLUEPRINTS[profile]), BLUEPRINT, problems),
        _loaded(webhook or _shipped(*_WEBHOOKS[profile]), WEBHOOK, problems),
        *(_loaded(_shipped(*path), BLUEPRINT, problems) for path in _NAMESPACES),
    ]
    if found[0] is not None and found[1] is not None:
        _check_together(found[0], found[1], problems)
    if problems:
        raise _manifest_error(problems)
    first, second, *namespaces = (manifest for manifest in found if manifest is not None)
    if webhook is None and profile is Profile.STANDARD:
        second = _without_findings(second)
    if blueprint is None and profile is Profile.STANDARD:
        first = _without_relation(first, finding_expressions.RELATION)
    return Manifests(first, second, tuple(namespaces))


def load_findings() -> FindingManifests:
    """Read and check the shipped manifests of findings, which go with every profile.

    Raises ManifestError.
    """
    from falcoport.manifests.schema import BLUEPRINT, WEBHOOK

    problems: list[Problem] = []
    found = [
        _loaded(_shipped(*_FINDING), BLUEPRINT, problems),
        _loaded(_shipped(*_BLUEPRINTS[Profile.STANDARD]), BLUEPRINT, problems),
        _loaded(_shipped(*_WEBHOOKS[Profile.STANDARD]), WEBHOOK, problems),
    ]
    if problems:
        raise _manifest_error(problems)
    blueprint, alert, webhook = (manifest for manifest in found if manifest is not None)
    [mapping] = [m for m in webhook.body["mappings"] if m["blueprint"] == blueprint.identifier]
    return FindingManifests(
        blueprint, mapping, alert.body["relations"][finding_expressions.RELATION]
    )


def load_document(shape: Shape, *path: str) -> Manifest:
    """Read and check a shipped file of any other kind. Raises ManifestError."""
    problems: list[Problem] = []
    manifest = _loaded(_shipped(*path), shape, problems)
    if manifest is None or problems:
        raise _manifest_error(problems)
    return manifest


def _without_findings(webhook: Manifest) -> Manifest:
    """Return the webhook of alerts alone: findings are there only where they are asked for."""
    mappings = []
    for mapping in webhook.body["mappings"]:
        if mapping["blueprint"] != finding_expressions.BLUEPRINT:
            entity = dict(mapping["entity"])
            relations = entity.get("relations", {}).items()
            entity["relations"] = {
                name: text for name, text in relations if name != finding_expressions.RELATION
            }
            mappings.append({**mapping, "entity": entity})
    return replace(webhook, body={**webhook.body, "mappings": mappings})


def _without_relation(blueprint: Manifest, name: str) -> Manifest:
    relations = {key: one for key, one in blueprint.body["relations"].items() if key != name}
    return replace(blueprint, body={**blueprint.body, "relations": relations})


def load_webhook(webhook: Path | None = None) -> Manifest:
    """Read only the webhook's manifest, and check one that stands in for the shipped one.

    Who needs no more than the webhook's name is spared compiling the shipped expressions, which
    takes longer than all the rest. Raises ManifestError.
    """
    problems: list[Problem] = []
    if webhook is None:
        manifest = _loaded(_shipped(*_WEBHOOKS[Profile.GUIDE]), None, problems)
    else:
        from falcoport.manifests.schema import WEBHOOK

        manifest = _loaded(webhook, WEBHOOK, problems)
    if manifest is None or problems:
        raise _manifest_error(problems)
    return manifest


def renamed(manifest: Manifest, *, identifier: str | None, title: str | None) -> Manifest:
    """Return a webhook manifest under another identifier or title, where given.

    The file's title is that of the file's webhook: another one gets it only when it is created.
    Raises OptionValueError, with the option that is wrong.
    """
    named = {"identifier": ("--webhook-id", identifier), "title": ("--webhook-title", title)}
    given = {key: text for key, (_option, text) in named.items() if text is not None}
    if not given:
        return manifest
    from falcoport.manifests.schema import WEBHOOK

    problems: list[Problem] = []
    code = OptionValueError.code
    for key, text in given.items():
        option = named[key][0]
        WEBHOOK.fields[key].check(
            text,
            option,
            lambda at, message: problems.append(Problem(code, f"{at} {message}.", at)),
        )
    if problems:
        raise OptionValueError(problems[0].message, problems=tuple(problems))
    is_another = identifier is not None and identifier != manifest.identifier
    create_only_keys = ("title",) if is_another and title is None else ()
    return replace(manifest, body={**manifest.body, **given}, create_only_keys=create_only_keys)


def _manifest_error(problems: list[Problem]) -> ManifestError:
    count = len(problems)
    message = problems[0].message if count == 1 else f"{count} problems in the manifests."
    return ManifestError(message, problems=tuple(problems))


def _shipped(*path: str) -> Traversable:
    """Return a shipped file: inside the wheel, or beside the package in a checkout."""
    package = resources.files("falcoport")
    inside = package.joinpath(*path)
    if inside.is_file():
        return inside
    beside = Path(str(package)).parent.joinpath(*path)
    return beside if beside.is_file() else inside


def _loaded(
    source: Path | Traversable, shape: Shape | None, problems: list[Problem]
) -> Manifest | None:
    """Read a file and check it against `shape`, if given; None, and problems, if it is wrong."""
    name = str(source) if isinstance(source, Path) else source.name
    try:
        text = _text(source)
        document, lines = _parsed(text)
    except _UnreadableError as error:
        problems.append(Problem("bad_manifest", f"{name} {error}.", name, error.hint))
        return None
    before = len(problems)
    if isinstance(document, dict) and definitions.KEY in document and "mappings" in document:
        report = _reporter(name, lines, problems)
        for at, message in definitions.find_problems(document):
            report(at, message)
        document = definitions.expand(document)
    if shape is not None:
        _check(document, name, shape, lines, problems)
    return Manifest(name, document) if len(problems) == before else None


class _UnreadableError(Exception):
    """A file that cannot become a document at all."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def _text(source: Path | Traversable) -> str:
    try:
        if isinstance(source, Path) and source.is_dir():
            raise _UnreadableError("is a folder")
        with source.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise _UnreadableError("does not exist") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _UnreadableError(f"cannot be read: {reason}") from None
    if len(content) > _LARGEST:
        raise _UnreadableError(f"is larger than {_LARGEST // 1024} KiB, which Port would refuse")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _UnreadableError(
            f"is not text: byte {error.start} is not UTF-8", "Manifests are YAML or JSON, in UTF-8."
        ) from None
    if not text.strip():
        raise _UnreadableError("is empty")
    return text


def _parsed(text: str) -> tuple[Any, dict[str, int]]:
    """Return the document and, for YAML, the line of each key path."""
    try:
        if text.lstrip().startswith("{"):
            # YAML reads most JSON but not all of it: tabs and surrogate escapes, for two.
            try:
                return json.loads(text, object_pairs_hook=_without_duplicates), {}
            except json.JSONDecodeError:
                pass
        loader = yaml.SafeLoader(text)
        try:
            root = loader.get_single_node()
            lines: dict[str, int] = {}
            if root is not None:
                _walk(root, "", lines, _Budget(_MOST_NODES))
            return (None if root is None else loader.construct_document(root)), lines
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = (error.problem or error.context or "it cannot be read").replace("\n", " ")
        raise _UnreadableError(f"is not valid YAML{where}: {what}") from None
    except yaml.YAMLError as error:
        what = " ".join(str(error).split("\n", 1)[0].split())
        raise _UnreadableError(f"is not valid YAML: {what}") from None
    except RecursionError:
        raise _UnreadableError("is nested too deeply") from None
    except ValueError as error:
        raise _UnreadableError(f"is not valid: {error}") from None


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _UnreadableError(f"names the key {key!r} twice")
        found[key] = value
    return found


class _Budget:
    """How many nodes may still be looked at: aliases can make a small file endless."""

    def __init__(self, nodes: int) -> None:
        self._left = nodes

    def spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _UnreadableError("holds too many values (are there aliases of aliases?)")


def _walk(node: yaml.Node, at: str, lines: dict[str, int], budget: _Budget) -> None:
    """Note the line of every key path; refuse duplicate keys, which YAML would let through."""
    budget.spend()
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            if key in seen and key != "<<":
                raise _UnreadableError(f"names the key {key!r} twice, at line {line}")
            seen.add(key)
            path = child(at, key)
            lines[path] = line
            _walk(value_node, path, lines, budget)
    elif isinstance(node, yaml.SequenceNode):
        for index, element in enumerate(node.value):
            path = child(at, index)
            lines[path] = element.start_mark.line + 1
            _walk(element, path, lines, budget)


def _check(
    document: object, name: str, shape: Shape, lines: dict[str, int], problems: list[Problem]
) -> None:
    report = _reporter(name, lines, problems)
    if not isinstance(document, dict):
        problems.append(
            Problem("bad_manifest", f"{name} is {kind(document)}, not a map of keys.", name)
        )
        return
    told: set[str] = set()

    def report_first(at: str, message: str) -> None:
        told.add(at)
        report(at, message)

    def report_others(at: str, message: str) -> None:
        if at not in told:
            report(at, message)

    shape.check(_as_json(document, "", report_first), "", report_others)


def _reporter(name: str, lines: dict[str, int], problems: list[Problem]) -> Report:
    """Return a function that notes a problem of a file, with the line where its key stands."""

    def report(at: str, message: str) -> None:
        line = _line(at, lines)
        where = f"{name}:{line}: {at}" if line else f"{name}: {at}"
        problems.append(Problem("bad_manifest", f"{at} {message}.", where))

    return report


def _line(at: str, lines: dict[str, int]) -> int | None:
    """Return the line of a key path, or of the nearest key above one that is missing."""
    while at:
        if at in lines:
            return lines[at]
        at = at[: max(at.rfind("."), at.rfind("["), 0)]
    return None


def _as_json(value: object, at: str, report: Report) -> Any:
    """Return a value as JSON can carry it; report dates, sets, NaN, keys that are not texts.

    What it cannot carry becomes null, so that the rest can be checked nevertheless.
    """
    if isinstance(value, dict):
        members = {}
        for key, member in value.items():
            path = child(at, str(key))
            if isinstance(key, str):
                members[key] = _as_json(member, path, report)
            else:
                report(path, f"as key must be a text, not {kind(key)}; quote it")
        return members
    if isinstance(value, list):
        return [_as_json(member, child(at, i), report) for i, member in enumerate(value)]
    problem = _problem_as_json(value)
    if problem:
        report(at, problem)
    return None if problem else value


def _problem_as_json(value: object) -> str:
    """Say why JSON cannot carry a plain value; empty if it can."""
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    if isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
        return "holds half of a surrogate pair"
    if not isinstance(value, str | int | float | bool | type(None)):
        return f"is read as {kind(value)}; quote it to make it a text"
    return ""


def _check_together(blueprint: Manifest, webhook: Manifest, problems: list[Problem]) -> None:
    if not any(
        mapping["blueprint"] == blueprint.identifier for mapping in webhook.body["mappings"]
    ):
        problems.append(
            Problem(
                "bad_manifest",
                f"No mapping is for blueprint {blueprint.identifier!r}, "
                f"which {blueprint.source} describes.",
                f"{webhook.source}: mappings",
                "Give --blueprint and --webhook-config files that belong together.",
            )
        )
