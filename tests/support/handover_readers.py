"""How the real readers take each hand-over format apart, modelled for tests.

The four env-file readers follow their sources: docker/cli `opts/file.go`, compose-go `dotenv`,
kubectl `generate/env_file.go`, systemd 252 `env-file.c`.
"""

from __future__ import annotations

import base64
import json
import re
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def docker_env_file(text: str) -> dict[str, str]:
    """Docker: each line as it stands; quotes, `#` and `$` in a value mean themselves."""
    lines = [line.lstrip() for line in text.splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    assert all(not re.search(r"\s", name) for name, _, _ in pairs)
    return {name: value for name, _, value in pairs}


def kubectl_env_file(text: str) -> dict[str, str]:
    """Like Docker's, with names checked as environment variables."""
    found = docker_env_file(text)
    assert all(re.fullmatch(r"[-._a-zA-Z][-._a-zA-Z0-9]*", name) for name in found)
    return found


def compose_env_file(text: str) -> dict[str, str]:
    """Compose: quotes taken off, ` #` begins a comment, `$NAME` is replaced."""
    found = {}
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, _, value = line.partition("=")
        value = value.strip()
        quote = value[:1]
        if quote in ("'", '"'):
            value = value[1 : value.index(quote, 1)]
        else:
            value = value.partition(" #")[0].rstrip()
        if quote != "'":
            value = _interpolated(value)
        found[name.strip()] = value
    return found


def systemd_env_file(text: str) -> dict[str, str]:
    """systemd: a backslash escapes, quotes group a value, `#` and `;` begin a comment line."""
    found = {}
    for line in text.splitlines():
        if not line.strip() or line.lstrip()[0] in "#;":
            continue
        name, _, value = line.partition("=")
        value = value.strip()
        if value[:1] in ("'", '"'):
            value = shlex.split(value)[0]
        found[name.strip()] = re.sub(r"\\(.?)", r"\1", value)
    return found


def _interpolated(text: str) -> str:
    """Compose's `$` rules, in a project whose environment is empty."""

    def replaced(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else ""

    return re.sub(r"\$\$|\$\{[^}]*\}|\$[A-Za-z_][A-Za-z0-9_]*|\$", replaced, text)


def falcosidekick_environment(variables: Mapping[str, str]) -> dict[str, Any]:
    """Falcosidekick's reading of its environment: headers split on `,` and then on `:`."""
    headers = {}
    for piece in variables.get("WEBHOOK_CUSTOMHEADERS", "").split(","):
        parts = piece.split(":")
        if len(parts) == 2:
            headers[parts[0]] = parts[1]
    tags = variables.get("CUSTOMTAGS")
    return {
        "url": variables["WEBHOOK_ADDRESS"],
        "headers": headers,
        "priority": variables.get("WEBHOOK_MINIMUMPRIORITY", ""),
        "tags": [] if tags is None else tags.replace(" ", "").split(","),
        "concurrent": int(variables.get("WEBHOOK_MAXCONCURRENTREQUESTS", "1")),
    }


def _from_env_file(reader: Callable[[str], dict[str, str]]) -> Callable[[str], dict[str, Any]]:
    return lambda text: falcosidekick_environment(reader(text))


SECRET_OF_THE_SHELL = "what-the-shell-knows"


def run_docker_line(text: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the text in a real shell whose docker prints its environment, then its arguments."""
    script = """docker() {
        printf '%s\\0' "$WEBHOOK_ADDRESS" "${WEBHOOK_CUSTOMHEADERS-}" "$@"
    }
    """
    return subprocess.run(
        ["sh", "-c", script + text], capture_output=True, check=False, text=True, env=environment
    )


def docker_line(text: str) -> dict[str, Any]:
    """Docker: `-e NAME` is taken from docker's own environment."""
    ran = run_docker_line(text, FALCOPORT_WEBHOOK_SECRET=SECRET_OF_THE_SHELL)
    assert ran.returncode == 0, ran.stderr
    url, headers, *words = ran.stdout.split("\0")[:-1]
    assert words[:2] == ["run", "-d"]
    own = {"WEBHOOK_ADDRESS": url, "WEBHOOK_CUSTOMHEADERS": headers}
    given = [words[i + 1].partition("=") for i, word in enumerate(words) if word == "-e"]
    return falcosidekick_environment(
        {name: value if equals else own[name] for name, equals, value in given}
    )


def compose_file(text: str) -> dict[str, Any]:
    service = yaml.safe_load(text)["services"]["falcosidekick"]
    return falcosidekick_environment(
        {name: _interpolated(value) for name, value in service["environment"].items()}
    )


def config_file(text: str) -> dict[str, Any]:
    tree = yaml.safe_load(text)
    webhook = tree["webhook"]
    return {
        "url": webhook["address"],
        "headers": webhook.get("customheaders", {}),
        "priority": webhook.get("minimumpriority", ""),
        "tags": tree.get("customtags", []),
        "concurrent": webhook.get("maxconcurrentrequests", 1),
    }


def chart_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Read a chart's `config`: its headers must be one string, for the environment."""
    webhook = config["webhook"]
    variables = {"WEBHOOK_ADDRESS": webhook["address"]}
    assert isinstance(webhook.get("customHeaders", ""), str)
    variables["WEBHOOK_CUSTOMHEADERS"] = webhook.get("customHeaders", "")
    variables["WEBHOOK_MINIMUMPRIORITY"] = webhook.get("minimumpriority", "")
    if "customtags" in config:
        variables["CUSTOMTAGS"] = config["customtags"]
    variables |= {one["name"]: one["value"] for one in config.get("extraEnv", [])}
    return falcosidekick_environment(variables)


def helm_values(text: str) -> dict[str, Any]:
    values = yaml.safe_load(text)["falcosidekick"]
    assert values["enabled"] is True
    return chart_config(values["config"])


def helm_sidekick_values(text: str) -> dict[str, Any]:
    return chart_config(yaml.safe_load(text)["config"])


def kubernetes_secret(text: str) -> dict[str, Any]:
    """Read a Secret's keys, and the values in its comment that the user takes over."""
    secret = yaml.safe_load(text)
    assert (secret["apiVersion"], secret["kind"], secret["type"]) == ("v1", "Secret", "Opaque")
    comment = [line[2:] for line in text.splitlines() if line.startswith("# ")]
    values = yaml.safe_load("\n".join(comment[comment.index("falcosidekick:") :]))["falcosidekick"]
    assert values["enabled"] is True
    assert values["config"]["existingSecret"] == secret["metadata"]["name"]
    assert "stringData" not in secret
    variables = {
        name: base64.b64decode(value, validate=True).decode()
        for name, value in secret["data"].items()
    }
    assert "CUSTOMTAGS" not in variables
    if "customtags" in values["config"]:
        variables["CUSTOMTAGS"] = values["config"]["customtags"]
    return falcosidekick_environment(variables)


def json_object(text: str) -> dict[str, Any]:
    tree = json.loads(text)
    header = tree["header"]
    plain = {
        "url": tree["url"],
        "headers": {} if header is None else {header["name"]: header["value"]},
        "priority": tree["minimum_priority"] or "",
        "tags": tree["custom_tags"],
        "concurrent": tree["max_concurrent"],
    }
    assert falcosidekick_environment(tree["environment"]) == plain
    return plain


def queue_values(output: str, address: dict[str, str]) -> Callable[[str], dict[str, Any]]:
    """Read the values for a queue between; the webhook's URL and header are not Falcosidekick's."""

    def read(text: str) -> dict[str, Any]:
        values = yaml.safe_load(text)["falcosidekick"]
        assert values["enabled"] is True
        config = values["config"]
        own = dict(config[output])
        priority = own.pop("minimumpriority", "")
        assert own == address
        assert "webhook" not in config
        pattern = re.compile(r"^#   ([A-Z_]+)=(.*)$", re.MULTILINE)
        variables = dict(pattern.findall(text))
        tags = config.get("customtags", "")
        assert variables == {
            **{f"{output.upper()}_{name.upper()}": value for name, value in config[output].items()},
            **({"CUSTOMTAGS": tags} if tags else {}),
        }
        return {"priority": priority, "tags": tags.split(",") if tags else []}

    return read


READERS: tuple[tuple[str, str, Callable[[str], dict[str, Any]]], ...] = (
    ("env", "docker", _from_env_file(docker_env_file)),
    ("env", "compose", _from_env_file(compose_env_file)),
    ("env", "kubectl", _from_env_file(kubectl_env_file)),
    ("env", "systemd", _from_env_file(systemd_env_file)),
    ("docker", "shlex", docker_line),
    ("compose", "yaml", compose_file),
    ("config", "yaml", config_file),
    ("helm", "yaml", helm_values),
    ("helm-sidekick", "yaml", helm_sidekick_values),
    ("k8s-secret", "yaml", kubernetes_secret),
    ("json", "json", json_object),
)
