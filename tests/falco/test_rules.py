"""Rules files, names and patterns, and the override file that Falco's loader accepts."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from support.command_line import falcoport

from falcoport.errors import EXIT_USAGE, InputError
from falcoport.falco.rules import (
    Tagging,
    find_rules,
    read_rules,
    write_chart_values,
    write_override_file,
)

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from falcoport.sandbox.server import RunningSandbox

RULES = """
- required_engine_version: 0.57.0
- required_plugin_versions:
    - name: container
      version: 0.4.0
- list: shells
  items: [sh]
- macro: spawned
  condition: evt.type = execve
- rule: Terminal shell in container
  desc: d
  condition: spawned
  output: o
  priority: NOTICE
  tags: [maturity_stable]
- rule: Execution from /dev/shm
  desc: d
  condition: spawned
  output: o
  priority: WARNING
- rule: "Odd: #1 'name'"
  desc: d
  condition: spawned
  output: o
  priority: DEBUG
- rule: Terminal shell in container
  enabled: false
- rule: Defined elsewhere
  condition: and x
  append: true
- rule: Overridden elsewhere
  condition: and x
  override: {condition: append}
"""
NAMES = ("Terminal shell in container", "Execution from /dev/shm", "Odd: #1 'name'")
LISTING = json.dumps(
    {"required_engine_version": "0.57.0", "rules": [{"info": {"name": n}} for n in NAMES]}
)


def load_as_falco(text: str, loaded: tuple[str, ...]) -> dict[str, list[str]]:
    """Return the tags that Falco's loader would append, after the checks that it makes."""
    tags: dict[str, list[str]] = {}
    for item in yaml.safe_load(text):
        if "required_engine_version" in item:
            assert item == {"required_engine_version": "0.31.0"}
            continue
        assert set(item) == {"rule", "tags", "override"}
        assert item["override"] == {"tags": "append"}
        assert item["rule"] in loaded
        assert all(isinstance(tag, str) for tag in item["tags"])
        tags[item["rule"]] = item["tags"]
    return tags


def test_rules_are_those_that_a_file_defines() -> None:
    assert read_rules(RULES, "rules.yaml").names == NAMES
    assert read_rules("", "empty.yaml").names == ()


def test_rules_of_falcos_own_listing() -> None:
    assert read_rules(f"{LISTING}\nEvents detected: 0\n", "-").names == NAMES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not YAML"),
        ("- rule: x\n  rule2: &a [*a]\n- \x00", "not YAML"),
        ("a: b", "is not a list"),
        ("- something: else", "its item 1 is none of"),
        ("- text", "its item 1 is none of"),
        ('{"rules": 5}', "falco -L"),
        ("{", "falco -L"),
    ],
)
def test_a_file_that_holds_no_rules_says_so(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_rules(text, "file")


def test_names_and_patterns() -> None:
    rules = read_rules(RULES, "rules.yaml")
    assert find_rules(["Execution from /dev/shm"], rules) == (NAMES[1],)
    assert find_rules(["*container", "Odd*", "Odd: #1 'name'"], rules) == (NAMES[0], NAMES[2])
    assert find_rules(["*"], rules) == NAMES
    assert find_rules(["Anything", "Anything"], None) == ("Anything",)


def test_names_that_are_not_loaded_are_all_named_with_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        find_rules(
            ["terminal shell in container", "Execution from /dev/sh", "*nothing*"],
            read_rules(RULES, "r"),
        )
    hints = [problem.hint for problem in caught.value.problems]
    assert "'Terminal shell in container'" in hints[0]
    assert "'Execution from /dev/shm'" in hints[1]
    assert len(hints) == 3


def test_a_pattern_without_rules_is_refused() -> None:
    with pytest.raises(InputError, match="is a pattern"):
        find_rules(["*shell*"], None)


@pytest.mark.parametrize("namespace", ["", "a b", ".", "..", "a\n", "a²", "aⅧ"])
def test_a_namespace_that_port_has_no_identifier_for_is_refused(namespace: str) -> None:
    ran = falcoport("tag-rules", "x", "--namespace", namespace, "--offline")
    assert ran.exit_code == EXIT_USAGE
    assert "is not an identifier" in ran.stderr


@pytest.mark.parametrize("namespace", ["auth-prod", "a:b", "true", "1.5", "é@x=1"])
def test_the_override_file_loads_in_falco(namespace: str) -> None:
    tag = f"port-{namespace}"
    expected = {name: [f"port-{namespace}"] for name in NAMES}
    tagging = Tagging(namespace, tag, NAMES)
    assert load_as_falco(write_override_file([tagging]), NAMES) == expected
    values: dict[str, Any] = yaml.safe_load(write_chart_values([tagging]))
    [(file, text)] = values["customRules"].items()
    assert file > "falco_rules.local.yaml"
    assert load_as_falco(text, NAMES) == expected


@pytest.mark.parametrize(
    "name", ["yes", "12", "a: b", "- x", "x #y", '"q"', "tab\u00a0x", "é", "{a}"]
)
def test_any_name_survives_yaml(name: str) -> None:
    assert load_as_falco(write_override_file([Tagging("x", "port-x", (name,))]), (name,)) == {
        name: ["port-x"]
    }


@pytest.fixture
def rules_file(tmp_path: Path) -> str:
    path = tmp_path / "falco_rules.yaml"
    path.write_text(RULES, encoding="utf-8")
    return str(path)


def test_the_command_writes_a_file(rules_file: str, tmp_path: Path) -> None:
    out = tmp_path / "zz-tags.yaml"
    ran = falcoport(
        "tag-rules", "*", "--namespace", "auth-prod", "--rules-file", rules_file, "-f", str(out)
    )
    assert ran.exit_code == 0, ran.stderr
    assert ran.stdout == ""
    assert len(load_as_falco(out.read_text(), NAMES)) == 3


def test_the_command_prints_values_for_helm(rules_file: str) -> None:
    ran = falcoport(
        "tag-rules", "Odd*", "--namespace", "a", "--rules-file", rules_file, "--format", "helm"
    )
    assert ran.exit_code == 0
    assert list(yaml.safe_load(ran.stdout)) == ["customRules"]


def test_a_wrong_name_ends_with_4_and_nothing_on_stdout(rules_file: str) -> None:
    ran = falcoport("tag-rules", "terminal", "--namespace", "a", "--rules-file", rules_file)
    assert ran.exit_code == 4
    assert ran.stdout == ""
    assert "Nearest" in ran.stderr or "match exactly" in ran.stderr


def test_without_rules_it_warns_that_falco_may_not_start() -> None:
    ran = falcoport("tag-rules", "A rule", "--namespace", "a", "--offline")
    assert ran.exit_code == 0
    assert "stops it from starting" in ran.stderr


@pytest.mark.parametrize("content", [b"\xff\xfe", None])
def test_a_file_that_cannot_be_read_ends_with_4(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    if content is not None:
        path.write_bytes(content)
    ran = falcoport("tag-rules", "A", "--namespace", "a", "--rules-file", str(path))
    assert ran.exit_code == 4
    assert str(path) in ran.stderr


def test_the_namespace_is_looked_up_in_port(pointed: RunningSandbox, api: httpx.Client) -> None:
    del pointed
    api.post(
        "/blueprints", json={"identifier": "namespace", "title": "N", "schema": {"properties": {}}}
    )
    api.post("/blueprints/namespace/entities", json={"identifier": "auth-prod"}).raise_for_status()
    assert falcoport("tag-rules", "A", "--namespace", "auth-prod").exit_code == 0
    ran = falcoport("tag-rules", "A", "--namespace", "auth-prd")
    assert ran.exit_code == 3
    assert "Nearest: auth-prod" in ran.stderr
    assert falcoport("tag-rules", "A", "--namespace", "auth-prd", "--offline").exit_code == 0


def test_several_namespaces_in_one_call(rules_file: str) -> None:
    """Each brings its rules; a rule of two namespaces is named once, with both tags."""
    ran = falcoport(
        *("tag-rules", "--offline", "--rules-file", rules_file),
        *("--namespace", "auth-prod=Terminal*", "--namespace", "web-prod=*shell*"),
        *("--namespace", "auth-prod=Odd*"),
    )
    assert ran.exit_code == 0, ran.stderr
    assert load_as_falco(ran.stdout, NAMES) == {
        NAMES[0]: ["port-auth-prod", "port-web-prod"],
        NAMES[2]: ["port-auth-prod"],
    }
    assert "gets the tags of 2 namespaces" in ran.stderr


def test_rules_named_once_for_several_namespaces() -> None:
    names = ("--namespace", "a", "--namespace", "b=c")
    ran = falcoport("tag-rules", "A rule", *names, "--offline", "-o", "json")
    assert [(one["namespace"], one["rules"]) for one in ran.data["namespaces"]] == [
        ("a", ["A rule"]),
        ("b=c", ["A rule"]),
    ]


def test_a_file_of_many_namespaces(rules_file: str, tmp_path: Path) -> None:
    many = tmp_path / "many.yaml"
    many.write_text("auth-prod: ['Terminal*', 'Odd*']\nweb-prod: '*shm'\n", encoding="utf-8")
    ran = falcoport(
        *("tag-rules", "--from", str(many), "--namespace", "web-prod=Odd*", "--offline"),
        *("--rules-file", rules_file),
    )
    assert ran.exit_code == 0, ran.stderr
    assert load_as_falco(ran.stdout, NAMES) == {
        NAMES[0]: ["port-auth-prod"],
        NAMES[2]: ["port-auth-prod", "port-web-prod"],
        NAMES[1]: ["port-web-prod"],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", "not a mapping"),
        ("", "not a mapping"),
        ("a: [", "not YAML"),
        ("a: 5", "not a list"),
        ("a: []", "not a list"),
        ("a: [true]", "not a string"),
        ("1: [x]", "not a string"),
    ],
)
def test_a_file_that_is_no_list_of_namespaces_ends_with_4(
    text: str, message: str, tmp_path: Path
) -> None:
    many = tmp_path / "many.yaml"
    many.write_text(text, encoding="utf-8")
    ran = falcoport("tag-rules", "--from", str(many), "--offline")
    assert (ran.exit_code, ran.stdout) == (4, "")
    assert message in ran.stderr


@pytest.mark.parametrize(
    "arguments", [(), ("--namespace", "a"), ("--namespace", "a="), ("A rule",)]
)
def test_rules_without_a_namespace_and_the_other_way_round_are_refused(
    arguments: tuple[str, ...],
) -> None:
    ran = falcoport("tag-rules", *arguments, "--offline")
    assert (ran.exit_code, ran.stdout) == (EXIT_USAGE, "")
    assert "--namespace" in ran.stderr


def test_two_helm_files_merge(rules_file: str) -> None:
    """Helm merges maps by key: one per namespace, whatever letters its identifier has."""

    def values(namespace: str) -> dict[str, str]:
        given = ("--namespace", f"{namespace}=Odd*", "--rules-file", rules_file)
        ran = falcoport("tag-rules", *given, "--offline", "--format", "helm")
        found: dict[str, str] = yaml.safe_load(ran.stdout)["customRules"]
        return found

    merged = {**values("a:b"), **values("a_b"), **values("a/b")}
    assert len(merged) == 3
    assert all(re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key) for key in merged)
    tags = [load_as_falco(text, NAMES)[NAMES[2]] for text in merged.values()]
    assert tags == [["port-a:b"], ["port-a_b"], ["port-a/b"]]
    assert all(key > "falco_rules.local.yaml" for key in merged)


def test_every_namespace_that_is_missing_is_named(
    pointed: RunningSandbox, api: httpx.Client
) -> None:
    del pointed
    body = {"identifier": "namespace", "title": "N", "schema": {"properties": {}}}
    api.post("/blueprints", json=body)
    api.post("/blueprints/namespace/entities", json={"identifier": "auth-prod"}).raise_for_status()
    names = ("--namespace", "auth-prod", "--namespace", "web", "--namespace", "shop")
    ran = falcoport("tag-rules", "A", *names, "-o", "json")
    assert ran.exit_code == 3
    assert [one["message"].split()[4] for one in ran.envelope["errors"]] == ["web", "shop"]
