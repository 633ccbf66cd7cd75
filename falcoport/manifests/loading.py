"""The files that say what must be in Port: found, read, checked, with every problem at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falcoport.errors import ManifestError, OptionValueError, Problem
from falcoport.manifests import definitions
from falcoport.manifests.documents import (
    UnreadableError,
    check_document,
    make_reporter,
    read_document,
    read_trusted,
)
from falcoport.mapping import finding_expressions
from falcoport.mapping.expressions import expressions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from importlib.resources.abc import Traversable
    from types import ModuleType

    from falcoport.manifests.validation import Shape

_CODE = "bad_manifest"
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
    it: one of them is created where it is missing and asked for, and never changed. `alternative`
    reads the same of another profile: which one a set-up has may be known only to Port.
    """

    blueprint: Manifest
    webhook: Manifest
    namespaces: tuple[Manifest, ...]
    profile: Profile = Profile.GUIDE
    alternative: Callable[[Profile], Manifests] | None = field(default=None, compare=False)
    has_shipped_mapping: bool = False

    def trusted_expressions(self, mappings: Sequence[Mapping[str, Any]]) -> frozenset[str]:
        """Return the expressions of mappings built from these that need no limits.

        Where the mapping ships with falcoport, options add nothing but what it writes itself.
        """
        if not self.has_shipped_mapping:
            return frozenset()
        return frozenset(e.text for mapping in mappings for e in expressions(mapping))

    def of(self, profile: Profile) -> Manifests:
        """Return the manifests of a profile; files of the user's own are the same in each."""
        if profile is self.profile or self.alternative is None:
            return self
        return self.alternative(profile)


def load(
    blueprint: Path | None = None,
    webhook: Path | None = None,
    *,
    profile: Profile = Profile.GUIDE,
) -> Manifests:
    """Read the shipped manifests of a profile; read and check those that stand in for them.

    Raises ManifestError with every problem of every file.
    """
    if blueprint is None and webhook is None:
        return _load_shipped(profile)
    return _load(blueprint, webhook, profile)


# What ships does not change while a program runs, and a set-up looks at it several times.
@cache
def _load_shipped(profile: Profile) -> Manifests:
    return _load(None, None, profile)


def _load(blueprint: Path | None, webhook: Path | None, profile: Profile) -> Manifests:
    problems: list[Problem] = []
    found = [
        _read_shipped(*_BLUEPRINTS[profile])
        if blueprint is None
        else _loaded(blueprint, _schema().BLUEPRINT, problems),
        _read_shipped(*_WEBHOOKS[profile])
        if webhook is None
        else _loaded(webhook, _schema().WEBHOOK, problems),
        *(_read_shipped(*path) for path in _NAMESPACES),
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
    return Manifests(
        first,
        second,
        tuple(namespaces),
        profile,
        lambda other: load(blueprint, webhook, profile=other),
        has_shipped_mapping=webhook is None,
    )


@cache
def load_findings() -> FindingManifests:
    """Read the shipped manifests of findings, which go with every profile.

    Raises ManifestError.
    """
    blueprint = _read_shipped(*_FINDING)
    alert = _read_shipped(*_BLUEPRINTS[Profile.STANDARD])
    webhook = _read_shipped(*_WEBHOOKS[Profile.STANDARD])
    [mapping] = [m for m in webhook.body["mappings"] if m["blueprint"] == blueprint.identifier]
    return FindingManifests(
        blueprint, mapping, alert.body["relations"][finding_expressions.RELATION]
    )


# Extras look at each of their files several times in a run, and PyYAML is slow.
@cache
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

    Raises ManifestError.
    """
    if webhook is None:
        return _read_shipped(*_WEBHOOKS[Profile.GUIDE])
    problems: list[Problem] = []
    manifest = _loaded(webhook, _schema().WEBHOOK, problems)
    if manifest is None or problems:
        raise _manifest_error(problems)
    return manifest


def rename_webhook(manifests: Manifests, *, identifier: str | None, title: str | None) -> Manifests:
    """Return manifests whose webhook is `renamed`, in every profile. Raises ManifestError."""

    def read_other(profile: Profile) -> Manifests:
        return rename_webhook(manifests.of(profile), identifier=identifier, title=title)

    webhook = renamed(manifests.webhook, identifier=identifier, title=title)
    return replace(manifests, webhook=webhook, alternative=read_other)


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
    from falcoport.manifests.validation import text_of

    problems: list[Problem] = []
    code = OptionValueError.code
    for key, text in given.items():
        option = named[key][0]
        WEBHOOK.fields[key].check(
            text,
            option,
            lambda at, message: problems.append(Problem(code, f"{at} {text_of(message)}.", at)),
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


def _schema() -> ModuleType:
    """Return what files of the user's own are checked with; most runs have none."""
    from falcoport.manifests import schema

    return schema


def _read_shipped(*path: str) -> Manifest:
    """Read a file that ships with falcoport; raise ManifestError if it cannot be read.

    Tests check all of them: a run that did so too would compile every expression once more.
    """
    source = _shipped(*path)
    try:
        body = read_trusted(source)
    except UnreadableError as error:
        problem = Problem(_CODE, f"{source.name} {error}.", source.name, error.hint)
        raise ManifestError(problem.message, problems=(problem,)) from None
    has_definitions = definitions.KEY in body and "mappings" in body
    return Manifest(source.name, definitions.expand(body) if has_definitions else body)


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
    try:
        document = read_document(source)
    except UnreadableError as error:
        name = str(source) if isinstance(source, Path) else source.name
        problems.append(Problem(_CODE, f"{name} {error}.", name, error.hint))
        return None
    before = len(problems)
    value = document.value
    if isinstance(value, dict) and definitions.KEY in value and "mappings" in value:
        report = make_reporter(document, problems, _CODE)
        for at, message in definitions.find_problems(value):
            report(at, message)
        document = replace(document, value=definitions.expand(value))
    if shape is not None:
        check_document(document, shape, problems, _CODE)
    return Manifest(document.name, document.value) if len(problems) == before else None


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
