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
    "findings": {"keep": "with_alerts", "by": ["rule", "host"]},
    "with": ["dashboard", "rollups"],
    "notify": [
        {"channel": "slack", "priority": "error", "url_file": "slack.url"},
        {"channel": "pagerduty", "url_variable": "PAGERDUTY_KEY"},
    ],
    "retention": "30d",
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
    # What notify and retention say something about need not be named once more.
    assert config.extras == ("dashboard", "rollups", "notify", "retention")
    assert [one.priority for one in config.channels] == ["Error", None]
    assert config.channels[0].url_file == folder / "slack.url"
    assert config.retention_days == 30
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
        ("with: [dashbord]\n", 1, "did you mean dashboard"),
        ("retention: soon\n", 1, "such as 30d"),
        ("retention: 30\n", 1, "put it in quotes"),
        ("notify:\n  - channel: irc\n", 2, "Port accepts slack"),
        ("notify:\n  - priority: error\n", 2, "channel"),
        ("notify:\n  - channel: slack\n    url: https://x/abc\n", 3, "is not a known key"),
        ("notify:\n  - channel: slack\n  - channel: slack\n", 3, "once more"),
        (
            "notify:\n  - channel: slack\n    url_file: a\n    url_variable: B\n",
            4,
            "goes without url_file",
        ),
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


@pytest.mark.slow
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


@pytest.mark.parametrize(
    "options",
    [
        ("--profile", "standard", "--findings-only", "--findings-by", "rule,host"),
        ("--findings", "--with", "dashboard,notify,retention"),
        ("--with", "scorecard"),
    ],
)
def test_init_writes_what_its_options_say(folder: Path, options: tuple[str, ...]) -> None:
    ran = falcoport("init", *options)
    assert ran.exit_code == 0, ran.stderr
    config = load_config(folder / "falcoport.yaml")
    assert (config.profile == "standard") == ("standard" in options)
    modes = {"--findings-only": "only", "--findings": "with_alerts"}
    assert config.findings == next((modes[one] for one in options if one in modes), None)
    assert (config.findings_by == ("rule", "host")) == ("rule,host" in options)
    named = {*options[-1].split(",")} if "--with" in options else set()
    assert {*named, *(["rollups"] if "scorecard" in named else [])} == {*config.extras}
    assert (config.retention_days == 30) == ("retention" in named)


def test_init_refuses_what_setup_would_refuse(folder: Path) -> None:
    for options in (("--with", "dashbord"), ("--findings-by", "colour")):
        assert falcoport("init", *options).exit_code == 2
    assert not (folder / "falcoport.yaml").exists()


# --- extras ---------------------------------------------------------------------------------------

EXTRAS = """
with: [dashboard]
notify:
  - {channel: slack, priority: error, url_file: slack.url}
  - {channel: webhook, url_variable: HOOK}
retention: 7d
"""


@pytest.fixture
def extras(folder: Path, pointed: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    assert pointed.url
    (folder / "slack.url").write_text("https://hooks.example/slack-secret\n")
    monkeypatch.setenv("HOOK", "https://hooks.example/other-secret")
    return write(folder, EXTRAS)


def test_extras_of_the_file_are_set_up_and_need_no_secret_again(
    extras: Path, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = falcoport("setup", "--create-namespace-blueprint", "-o", "json")
    assert ran.exit_code == 0, ran.stdout
    assert "slack-secret" not in ran.everything
    assert "other-secret" not in ran.everything
    actions = {one["identifier"]: one for one in api.get("/actions").json()["actions"]}
    assert {*actions} == {"falco_notify_slack", "falco_notify_webhook", "falco_expire"}
    condition = actions["falco_notify_slack"]["trigger"]["condition"]["expressions"]
    assert '"Error")' in condition[0]
    assert api.get("/pages/falco_security").status_code == 200
    (extras.parent / "slack.url").unlink()
    monkeypatch.delenv("HOOK")
    assert falcoport("plan", "--exit-code").exit_code == 0
    assert falcoport("status").exit_code == 0


@pytest.mark.usefixtures("extras")
def test_options_win_over_the_extras_of_the_file(api: httpx.Client) -> None:
    options = ("--retention", "9d", "--notify", "slack", "--notify-priority", "alert")
    extra = ("--create-namespace-blueprint", "--without", "dashboard")
    ran = falcoport("setup", *options, *extra)
    assert ran.exit_code == 0, ran.stderr
    assert api.get("/pages/falco_security").status_code == 404
    actions = {one["identifier"]: one for one in api.get("/actions").json()["actions"]}
    assert '"Alert")' in str(actions["falco_notify_slack"]["trigger"])
    assert "falco_notify_webhook" in actions
    webhook = api.get("/webhooks/falco_alert_mapper").json()["integration"]
    assert "777600" in webhook["mappings"][0]["entity"]["properties"]["expiresAt"]


def test_a_url_in_a_file_that_is_none_is_refused_and_not_shown(extras: Path) -> None:
    (extras.parent / "slack.url").write_text("slack-secret")
    ran = falcoport("plan")
    assert ran.exit_code == 2
    assert "slack.url does not hold an https:// URL" in ran.stderr
    assert "slack-secret" not in ran.everything.replace("slack.url", "")


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
