"""What Falcosidekick needs to know to reach Port, written for every way people run it.

Formats and their traps are those of Falcosidekick 2.34.1 (`config.go`, `outputs/webhook.go`), the
charts `falco` 9.1 and `falcosidekick` 0.14, and the env-file rules of Docker, Compose, kubectl and
systemd. What a format cannot carry unchanged is refused with the reason, never bent. Pure.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from falcoport.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from falcoport.falcosidekick.header import Header

IMAGE = "falcosecurity/falcosidekick:2.34.1"
LISTEN = "127.0.0.1:2801:2801"
"""Published on loopback only: Falcosidekick's own input asks for no credentials."""

NAMESPACE = "falco"
SECRET_NAME = "falcosidekick-webhook"  # noqa: S105 - the name of a Kubernetes object
CHARTS = "https://falcosecurity.github.io/charts"

PRIORITIES = (
    "emergency",
    "alert",
    "critical",
    "error",
    "warning",
    "notice",
    "informational",
    "debug",
)
_SHORT_PRIORITIES = {
    "emerg": "emergency",
    "panic": "emergency",
    "crit": "critical",
    "err": "error",
    "warn": "warning",
    "info": "informational",
}

MAX_URL = 2000

# Compiled when first used: every command imports this module, few need it.
_URL = (
    r"https?://"
    r"(?:(?:[\w.~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*@)?"
    r"(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?"
    r"(?:[/?](?:[\w.~!$&'()*+,;=:@/?\[\]-]|%[0-9A-Fa-f]{2})*)?"
)
_KUBERNETES_NAME = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_TAG_MARKS = frozenset("@_.+:/=-")

_Tree = str | bool | tuple[str, ...] | dict[str, "_Tree"]


class Format(StrEnum):
    """The ways to hand a webhook over, as `--format` names them."""

    URL = "url"
    ENV = "env"
    DOCKER = "docker"
    COMPOSE = "compose"
    CONFIG = "config"
    HELM = "helm"
    HELM_SIDEKICK = "helm-sidekick"
    K8S_SECRET = "k8s-secret"  # noqa: S105 - the name of a format
    JSON = "json"


@dataclass(frozen=True)
class Handover:
    """Everything that Falcosidekick is told.

    `url` is the webhook's and a credential itself. `header` is the one that the webhook asks for,
    None where it is open. `minimum_priority` is one of PRIORITIES in any case: alerts below it are
    not sent. `custom_tags` are added to every alert. `namespace` is the Kubernetes namespace that
    Falcosidekick runs in.

    Raises InputError for what Falcosidekick would misread in whatever format.
    """

    url: str = field(repr=False)
    header: Header | None = None
    minimum_priority: str | None = None
    custom_tags: tuple[str, ...] = ()
    namespace: str = NAMESPACE

    def __post_init__(self) -> None:
        _check_url(self.url)
        if self.minimum_priority is not None:
            _check_priority(self.minimum_priority)
        for tag in self.custom_tags:
            _check_tag(tag)
        if not re.fullmatch(_KUBERNETES_NAME, self.namespace):
            raise InputError(
                f"{self.namespace!r} is not a Kubernetes namespace.",
                hint="Lower-case letters, digits and hyphens, at most 63.",
                code="bad_namespace",
            )

    @property
    def webhook_environment(self) -> dict[str, str]:
        """The variables of Falcosidekick's webhook output."""
        variables = {"WEBHOOK_ADDRESS": self.url}
        if self.header is not None:
            variables["WEBHOOK_CUSTOMHEADERS"] = self.header.joined
        if self.minimum_priority is not None:
            variables["WEBHOOK_MINIMUMPRIORITY"] = self.minimum_priority.lower()
        return variables

    @property
    def environment(self) -> dict[str, str]:
        """All variables, those that concern every output of Falcosidekick included."""
        variables = self.webhook_environment
        if self.custom_tags:
            variables["CUSTOMTAGS"] = ",".join(self.custom_tags)
        return variables


def render(handover: Handover, form: Format | str) -> str:
    """Return the handover as complete, pasteable text that ends with a line end.

    Raises InputError if the format cannot carry one of the values.
    """
    return _RENDERERS[Format(form)](handover)


def _check_url(url: str) -> None:
    problem = _url_problem(url)
    if problem:
        raise InputError(f"The webhook URL cannot be used: {problem}.", code="bad_url")


def _url_problem(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        return "it does not begin with https:// or http://"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "it holds a space, a line end or a character beyond ASCII, unescaped"
    if "#" in url:
        return "it holds a `#`, and what stands behind it is never sent"
    if not re.fullmatch(_URL, url, re.ASCII):
        return "it is not a URL as RFC 3986 writes one; other characters are written as %XX"
    if len(url) > MAX_URL:
        return f"it is longer than {MAX_URL} characters"
    return ""


def _check_priority(priority: str) -> None:
    if priority.lower() in PRIORITIES:
        return
    meant = _SHORT_PRIORITIES.get(priority.lower())
    raise InputError(
        f"{priority!r} is no priority that Falcosidekick knows: it would let everything through.",
        hint=f"Did you mean {meant}?" if meant else f"One of {', '.join(PRIORITIES)}.",
        code="bad_priority",
    )


def _check_tag(tag: str) -> None:
    if tag and all(character.isalnum() or character in _TAG_MARKS for character in tag):
        return
    raise InputError(
        f"{tag!r} cannot be a custom tag: Falcosidekick splits tags on commas and removes spaces, "
        "and other marks do not reach it alike from every format.",
        hint="Letters, digits and @ _ . + : / = - are fine.",
        code="bad_tag",
    )


def _url(handover: Handover) -> str:
    if handover.minimum_priority is not None or handover.custom_tags:
        raise InputError(
            "A URL alone has no place for a minimum priority or custom tags.",
            hint="Choose another --format, such as env or helm.",
            code="format_cannot_carry",
        )
    return handover.url + "\n"


def _env(handover: Handover) -> str:
    for name, value in handover.environment.items():
        problem = _env_problem(value)
        if problem:
            raise InputError(
                f"An env file cannot carry {name}: {problem}.",
                hint="Choose another --format, such as config, compose or k8s-secret.",
                code="format_cannot_carry",
            )
    head = (
        "For docker --env-file, compose env_file, kubectl --from-env-file and systemd.",
        "The values are not quoted, and must not be: Docker would keep the quotes.",
    )
    return _comment(head) + "".join(f"{k}={v}\n" for k, v in handover.environment.items())


def _env_problem(value: str) -> str:
    """Say why one of the four readers of an env file would change `value`; empty if none does."""
    if "$" in value:
        return "Compose would replace what follows `$`"
    if "\\" in value:
        return "systemd would take `\\` as an escape"
    if " #" in value:
        return "Compose would take ` #` as the beginning of a comment"
    return ""


def _docker(handover: Handover) -> str:
    import shlex

    words = ["docker", "run", "-d", "--name", "falcosidekick", "--restart", "unless-stopped"]
    words += ["-p", LISTEN]
    for name, value in handover.environment.items():
        words += ["-e", f"{name}={value}"]
    return shlex.join([*words, IMAGE]) + "\n"


def _compose(handover: Handover) -> str:
    environment: dict[str, _Tree] = {
        name: value.replace("$", "$$") for name, value in handover.environment.items()
    }
    tree: dict[str, _Tree] = {
        "services": {
            "falcosidekick": {
                "image": IMAGE,
                "restart": "unless-stopped",
                "ports": (LISTEN,),
                "environment": environment,
            }
        }
    }
    return _comment(["compose.yaml: start with `docker compose up -d`."]) + _yaml(tree)


def _config(handover: Handover) -> str:
    webhook: dict[str, _Tree] = {"address": handover.url}
    if handover.header is not None:
        webhook["customheaders"] = {json.dumps(handover.header.name): handover.header.value}
    if handover.minimum_priority is not None:
        webhook["minimumpriority"] = handover.minimum_priority.lower()
    tree: dict[str, _Tree] = {"webhook": webhook}
    if handover.custom_tags:
        tree["customtags"] = handover.custom_tags
    head = (
        "Falcosidekick's own configuration: start with `falcosidekick -c config.yaml`.",
        "No config.json or config.toml may lie beside it: Falcosidekick would read that instead.",
    )
    return _comment(head) + _yaml(tree)


def _helm(handover: Handover) -> str:
    head = _helm_head(handover, "falco", "falco")
    return head + _yaml({"falcosidekick": {"enabled": True, "config": _chart_config(handover)}})


def _helm_sidekick(handover: Handover) -> str:
    head = _helm_head(handover, "falcosidekick", "falcosidekick")
    return head + _yaml({"config": _chart_config(handover)})


def _helm_head(handover: Handover, release: str, chart: str) -> str:
    lines = [
        f"Values for the chart `{chart}`. Save as values.yaml, then:",
        *(f"  {line}" for line in helm_commands(handover.namespace, release, chart)),
    ]
    if chart == "falco":
        lines.append("Keep the release's name: Falco looks for Falcosidekick under it.")
    return _comment(lines)


def helm_commands(namespace: str, release: str, chart: str) -> tuple[str, ...]:
    """Return the shell commands that install or upgrade `chart` with a file values.yaml.

    Falco posts to `<fullname>-falcosidekick`, the chart's Service is named after the release
    alone; they agree only for a release whose name contains `falco` but not `falcosidekick`.
    """
    return (
        f"helm repo add falcosecurity {CHARTS}",
        "helm repo update",
        (
            f"helm upgrade --install {release} falcosecurity/{chart} -n {namespace} "
            "--create-namespace -f values.yaml"
        ),
    )


def _chart_config(handover: Handover) -> dict[str, _Tree]:
    """Return the charts' `config`: their template needs the headers as one string, not a map."""
    webhook: dict[str, _Tree] = {"address": handover.url}
    if handover.header is not None:
        webhook["customHeaders"] = handover.header.joined
    if handover.minimum_priority is not None:
        webhook["minimumpriority"] = handover.minimum_priority.lower()
    return {**_chart_tags(handover), "webhook": webhook}


def _chart_tags(handover: Handover) -> dict[str, _Tree]:
    return {"customtags": ",".join(handover.custom_tags)} if handover.custom_tags else {}


def _k8s_secret(handover: Handover) -> str:
    """Return a Secret, with the values that refer to it as a comment so that kubectl takes it.

    Custom tags are in those values: the charts always set CUSTOMTAGS themselves, and a Secret's
    key loses against that.
    """
    config: dict[str, _Tree] = {"existingSecret": SECRET_NAME, **_chart_tags(handover)}
    restart = f"kubectl -n {handover.namespace} rollout restart deployment/falco-falcosidekick"
    head = (
        f"Apply with `kubectl apply -f -`; the namespace {handover.namespace} must exist.",
        f"Restart after a change: {restart}",
        "",
        "Values for the chart `falco` that refer to it",
        "(for the chart `falcosidekick` alone: what is under `falcosidekick`, without `enabled`):",
        "",
        *_yaml({"falcosidekick": {"enabled": True, "config": config}}).splitlines(),
        "",
    )
    variables: dict[str, _Tree] = {**handover.webhook_environment}
    tree: dict[str, _Tree] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET_NAME, "namespace": handover.namespace},
        "type": "Opaque",
        "stringData": variables,
    }
    return _comment(head) + _yaml(tree)


def _json(handover: Handover) -> str:
    header = handover.header
    return (
        json.dumps(
            {
                "url": handover.url,
                "header": None if header is None else {"name": header.name, "value": header.value},
                "minimum_priority": handover.webhook_environment.get("WEBHOOK_MINIMUMPRIORITY"),
                "custom_tags": list(handover.custom_tags),
                "environment": handover.environment,
            },
            indent=2,
        )
        + "\n"
    )


def _comment(lines: Iterable[str]) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def _yaml(tree: Mapping[str, _Tree], indent: str = "") -> str:
    """Write YAML with every string in double quotes.

    Each reader then takes it as a string: unquoted, Falcosidekick's would make 83 of `0123`.
    """
    lines = []
    for key, value in tree.items():
        if isinstance(value, dict):
            lines.append(f"{indent}{key}:\n{_yaml(value, indent + '  ')}")
        elif isinstance(value, tuple):
            items = "".join(f"{indent}  - {_quoted(item)}\n" for item in value)
            lines.append(f"{indent}{key}:\n{items}")
        else:
            text = _quoted(value) if isinstance(value, str) else json.dumps(value)
            lines.append(f"{indent}{key}: {text}\n")
    return "".join(lines)


def _quoted(text: str) -> str:
    """Return printable text as a JSON string, which is a double-quoted YAML scalar as well."""
    return json.dumps(text, ensure_ascii=False)


_RENDERERS = {
    Format.URL: _url,
    Format.ENV: _env,
    Format.DOCKER: _docker,
    Format.COMPOSE: _compose,
    Format.CONFIG: _config,
    Format.HELM: _helm,
    Format.HELM_SIDEKICK: _helm_sidekick,
    Format.K8S_SECRET: _k8s_secret,
    Format.JSON: _json,
}
