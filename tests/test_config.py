"""falcoport.yaml: what it says counts where nothing else does, and what is wrong has its line."""

from __future__ import annotations

import copy
import json
import random
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from support.command_line import falcoport

from falcoport.config import SCHEMA_NAME, config_schema, load_config
from falcoport.errors import ConfigError, Problem

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from falcoport.sandbox.server import RunningSandbox

WHOLE: dict[str, Any] = {
    "port": {"region": "us"},
    "profile": "guide",
    "manifests": {"blueprint": "b.yaml", "webhook": "w.yaml"},
    "webhook": {"identifier": "falco", "title": "Falco", "secured": True, "header": "X-Falco"},
    "clusters": ["prod", "stage"],
    "alerts": {"identifier": "uuid", "min_priority": "warning"},
    "relations": {"namespace": True, "workload": True, "ensure_namespaces": False},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "falcoport.yaml"
    path.write_text(text)
    return path


def test_the_whole_file_is_read_and_fits_its_schema(folder: Path) -> None:
    config = load_config(write(folder, yaml.safe_dump(WHOLE)))
    assert (config.region, config.clusters, config.secured) == ("us", ("prod", "stage"), True)
    assert config.blueprint == folder / "b.yaml"
    validator = Draft202012Validator(config_schema())
    assert not list(validator.iter_errors(WHOLE))
    assert list(validator.iter_errors({"clutsers": []}))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("port:\n  region: us\nclutsers: [a]\n", 3, "did you mean clusters"),
        ("port:\n  region: mars\n", 2, "Port accepts eu, us"),
        ("profile: 1\n", 1, "must be one of"),
        ("webhook:\n  secret: abc\n", 2, "does not belong in this file"),
        ("client_secret: abc\n", 1, "does not belong in this file"),
        ("port:\n  region: eu\n  api_url: https://a\n", 3, "cannot be combined with region"),
        ("clusters:\n  - [a]\n", 2, "must be a text"),
    ],
)
@pytest.mark.usefixtures("pointed")
def test_what_is_wrong_is_named_with_its_line(
    text: str, line: int, words: str, folder: Path
) -> None:
    path = write(folder, text)
    for command in ("plan", "status", "show-url", "teardown"):
        ran = falcoport(command, "-o", "json")
        assert ran.exit_code == 4, command
        [problem] = ran.envelope["errors"]
        assert problem["where"].startswith(f"{path.name}:{line}: "), problem
        assert words in problem["message"]
        assert "abc" not in ran.stdout


def test_a_file_that_was_named_must_be_there(folder: Path) -> None:
    ran = falcoport("plan", "--config", str(folder / "none.yaml"))
    assert ran.exit_code == 4
    assert "does not exist" in ran.stderr


def mutate(document: Any, chance: random.Random) -> Any:
    """Change one thing in a document, or in something inside it."""
    if isinstance(document, dict) and document and chance.random() < 0.8:
        key = chance.choice(list(document))
        changed = dict(document)
        if chance.random() < 0.3:
            changed[key + chance.choice(["x", "_", "s"])] = changed.pop(key)
        else:
            changed[key] = mutate(document[key], chance)
        return changed
    return chance.choice([None, True, 0, -1.5, "", "x", [], {}, [None], {"a": 1}, "é", "a: b"])


def test_a_thousand_mutations_are_refused_with_a_line_or_read(folder: Path) -> None:
    chance = random.Random(4711)
    refused = 0
    for _ in range(1000):
        text = yaml.safe_dump(mutate(copy.deepcopy(WHOLE), chance), allow_unicode=True)
        if chance.random() < 0.2:
            place = chance.randrange(len(text))
            text = text[:place] + chance.choice("{}[]:\t\"'&*!|>%@`\0") + text[place:]
        path = write(folder, text)
        problems = problems_of(path)
        refused += bool(problems)
        assert all(problem.where.startswith(str(path)) for problem in problems)
    assert refused > 500


def problems_of(path: Path) -> tuple[Problem, ...]:
    try:
        load_config(path)
    except ConfigError as error:
        return error.problems
    return ()


def test_options_win_over_the_environment_and_that_over_the_file(
    folder: Path, pointed: RunningSandbox
) -> None:
    write(folder, "port:\n  region: us\nwebhook:\n  identifier: from_file\n")
    ran = falcoport("show-url", "-o", "json")
    assert "from_file" in ran.errors[0]
    ran = falcoport("show-url", "--webhook-id", "from_option", "-o", "json")
    assert "from_option" in ran.errors[0]
    assert pointed.url


def test_a_fleet_in_the_file_is_set_up_and_handed_over(
    folder: Path, pointed: RunningSandbox, api: httpx.Client
) -> None:
    assert pointed.url
    write(folder, "clusters: [prod, stage]\nrelations:\n  ensure_namespaces: true\n")
    assert falcoport("setup", "--create-namespace-blueprint").exit_code == 0
    assert falcoport("plan", "--exit-code").exit_code == 0
    write(folder, "clusters: [prod, stage, dev]\nrelations:\n  ensure_namespaces: true\n")
    assert falcoport("plan", "--exit-code").exit_code == 0
    url = api.get("/webhooks/falco_alert_mapper").json()["integration"]["url"]
    assert falcoport("show-url", "--cluster", "a+b").stdout == f"{url}?cluster=a%2Bb\n"
    (folder / "out").mkdir()
    ran = falcoport("show-url", "--all-clusters", "--format", "helm", "-f", "out/")
    assert ran.exit_code == 0, ran.stderr
    written = sorted(path.name for path in (folder / "out").iterdir())
    assert written == ["dev.yaml", "prod.yaml", "stage.yaml"]
    assert "?cluster=stage" in (folder / "out" / "stage.yaml").read_text()
    assert falcoport("show-url", "--all-clusters", "-f", "out").exit_code == 0


# --- init ---------------------------------------------------------------------------------------


def test_init_writes_a_file_that_is_read_again(folder: Path) -> None:
    ran = falcoport("init", "--cluster", "prod", "--cluster", "stage")
    assert ran.exit_code == 0, ran.stderr
    assert load_config(folder / "falcoport.yaml").clusters == ("prod", "stage")
    assert json.loads((folder / SCHEMA_NAME).read_text()) == config_schema()
    first = (folder / "falcoport.yaml").read_text().splitlines()[0]
    assert first == f"# yaml-language-server: $schema=./{SCHEMA_NAME}"


def test_init_leaves_a_file_alone_unless_forced(folder: Path) -> None:
    path = write(folder, "profile: standard\n")
    assert falcoport("init").exit_code == 2
    assert path.read_text() == "profile: standard\n"
    assert falcoport("init", "--force").exit_code == 0
    assert load_config(path).profile == "guide"


def test_init_tells_what_the_catalog_has(
    folder: Path, pointed: RunningSandbox, api: httpx.Client
) -> None:
    body = {"identifier": "k8s_namespace", "title": "N", "schema": {"properties": {}}}
    api.post("/blueprints", json=body).raise_for_status()
    assert falcoport("init").exit_code == 0
    text = (folder / "falcoport.yaml").read_text()
    assert "k8s_namespace" in text
    assert pointed.url in text


# --- Port's own CLI -------------------------------------------------------------------------------


def org_file(folder: Path, sandbox: RunningSandbox) -> Path:
    path = folder / "config.yaml"
    document = {
        "default_org": "one",
        "organizations": {
            "one": {
                "client_id": sandbox.client_id,
                "client_secret": sandbox.client_secret,
                "api_url": f"{sandbox.url}/v1",
            },
            "two": {"client_id": "other", "client_secret": "other secret"},
        },
    }
    path.write_text(yaml.safe_dump(document))
    return path


def test_the_credentials_of_ports_own_cli_count_where_none_are_given(
    folder: Path, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = org_file(folder, sandbox)
    monkeypatch.setenv("PORT_CONFIG_FILE", str(path))
    ran = falcoport("status", "-o", "json")
    assert ran.exit_code == 3, ran.stdout
    assert ran.data["port"]["client_id"]["source"] == f"{path} (one)"
    assert sandbox.client_secret not in ran.everything


def test_an_organization_that_is_not_there_is_named(
    folder: Path, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT_CONFIG_FILE", str(org_file(folder, sandbox)))
    ran = falcoport("status", "--org", "three")
    assert ran.exit_code == 2
    assert "one, two" in ran.stderr
