"""Manifests: found, read, checked, with every problem at once."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.command_line import falcoport

from falcoport.commands.defaults import DEFAULT_TAG_PREFIX
from falcoport.errors import ManifestError, OptionValueError, Problem
from falcoport.manifests.documents import check_document, read_document
from falcoport.manifests.loading import Manifests, load, load_webhook, renamed
from falcoport.manifests.schema import BLUEPRINT
from falcoport.mapping.option_expressions import is_tag_expression, tag_expression

ROOT = Path(__file__).parent.parent.parent


def problems(tmp_path: Path, content: str | bytes, *, webhook: bool = False) -> list[str]:
    """Return what is wrong with a file, each as `where | message`."""
    file = tmp_path / "manifest.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ManifestError) as caught:
        load(None, file) if webhook else load(file)
    assert caught.value.exit_code == 4
    found = [f"{p.where.removeprefix(str(file))} | {p.message}" for p in caught.value.problems]
    assert all(p.where.startswith(str(file)) for p in caught.value.problems)
    return [text.replace(str(file), "FILE") for text in found]


def body(manifests: Manifests, part: str) -> dict[str, Any]:
    """Return a deep copy of a shipped manifest's body."""
    copied: dict[str, Any] = json.loads(json.dumps(getattr(manifests, part).body))
    return copied


def test_shipped_manifests_hold() -> None:
    manifests = load()
    assert manifests.blueprint.identifier == "falco_alert"
    assert manifests.webhook.identifier == "falco_alert_mapper"
    assert [one.identifier for one in manifests.namespaces] == ["k8s_namespace", "namespace"]


def test_shipped_relation_is_what_add_relation_writes() -> None:
    entity = load().webhook.body["mappings"][0]["entity"]
    expected = tag_expression(DEFAULT_TAG_PREFIX, many=False)
    assert entity["relations"]["namespace"] == expected


@given(st.text(min_size=1), st.booleans())
def test_own_tag_expressions_are_recognised(prefix: str, many: bool) -> None:
    assert is_tag_expression(tag_expression(prefix, many=many))
    assert not is_tag_expression(tag_expression(prefix, many=many) + " ")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", " | FILE is empty."),
        ("  \n", " | FILE is empty."),
        ("a: [", " | FILE is not valid YAML at line 1, column 5: expected the node content,"),
        ("- a", " | FILE is a list, not a map of keys."),
        ("just text", " | FILE is a text, not a map of keys."),
        (b"\xff\xfe\x00\x01", " | FILE is not text: byte 0 is not UTF-8."),
        ("a: 1\na: 2", " | FILE names the key 'a' twice, at line 2."),
        ('{"a": 1, "a": 2}', " | FILE names the key 'a' twice."),
        ("a: !!python/object:os.system x", " | FILE is not valid YAML at line 1"),
        ("[" * 5000, " | FILE is nested too deeply."),
        ("a: 1\n---\nb: 2", " | FILE is not valid YAML at line 2"),
        ("x" * (1024 * 1024 + 1), " | FILE is larger than 1024 KiB"),
    ],
)
def test_files_that_are_no_manifest(tmp_path: Path, content: str | bytes, expected: str) -> None:
    [found] = problems(tmp_path, content)
    assert found.startswith(expected)


def test_aliases_of_aliases_do_not_take_forever(tmp_path: Path) -> None:
    deeper = (f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9))
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]", *deeper]
    [found] = problems(tmp_path, "\n".join(lines))
    assert "too many values" in found


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none.yaml", "does not exist"), (tmp_path, "is a folder")):
        with pytest.raises(ManifestError, match=words):
            load(path)


def test_every_problem_of_a_blueprint_at_once_with_file_line_and_key(tmp_path: Path) -> None:
    content = """\
identifer: falco_alert
title: yes
description: "%s"
schema:
  properties:
    a.b: {type: strin}
    c: {type: string, enum: [1], minimum: 3}
    d: {type: number, format: date-time}
    e: {title: no type}
  required: [nope]
relations:
  both: {target: x, many: true, required: true}
  odd: {target: x, cardinality: 1}
mirrorProperties:
  m: {path: nodots}
""" % ("x" * 201)
    found = problems(tmp_path, content)
    assert found == [
        ": identifier | identifier is missing.",
        ":1: identifer | identifer is not a known key here; did you mean identifier?.",
        ":2: title | title must be a text, not a boolean; put it in quotes.",
        ":3: description | description has 201 characters, Port accepts 200.",
        (
            ":6: schema.properties.a.b | schema.properties.a.b as key is 'a.b', but an identifier "
            "here is made of A-Z a-z 0-9 @ _ = \\ -."
        ),
        (
            ":6: schema.properties.a.b.type | schema.properties.a.b.type is 'strin' (did you mean "
            "string?); Port accepts string, number, boolean, object, array."
        ),
        (
            ":7: schema.properties.c.minimum | schema.properties.c.minimum goes with type number, "
            "not with string."
        ),
        ":7: schema.properties.c.enum[0] | schema.properties.c.enum[0] is a number, not string.",
        (
            ":8: schema.properties.d.format | schema.properties.d.format goes with type string, "
            "not with number."
        ),
        ":9: schema.properties.e.type | schema.properties.e.type is missing.",
        ":12: relations.both | relations.both cannot be both many and required.",
        ":13: relations.odd.cardinality | relations.odd.cardinality is not a known key here.",
        (
            ":15: mirrorProperties.m.path | mirrorProperties.m.path is 'nodots', but a path names "
            "a relation and a property, such as namespace.$title."
        ),
        ":10: schema.required[0] | schema.required[0] names 'nope', which is not a property.",
    ]


def test_every_problem_of_a_webhook_at_once(tmp_path: Path) -> None:
    content = """\
identifier: "{}"
title: "{}"
enabled: "yes"
security: {{signatureAlgorithm: md5, secret: null, salt: x}}
mappings:
  - blueprint: falco_alert
    filter: true
    entity:
      identifier: .body.hostname +
      properties: {{rule: "  ", tags: [.body.tags]}}
      relations:
        namespace: {{combinator: "'and'", rules: [{{property: "'$title'", value: "(" }}]}}
  - blueprint: falco_alert
    operation: {{type: delete}}
    entity: {{identifier: .id, title: .x}}
  - entity: {{}}
""".format("i" * 31, "t" * 31)
    found = problems(tmp_path, content, webhook=True)
    assert [text.split(" | ")[0] for text in found] == [
        ":1: identifier",
        ":2: title",
        ":3: enabled",
        ":4: security.signatureAlgorithm",
        ":4: security.salt",
        ":7: mappings[0].filter",
        ":9: mappings[0].entity.identifier",
        ":10: mappings[0].entity.properties.rule",
        ":10: mappings[0].entity.properties.tags",
        ":12: mappings[0].entity.relations.namespace.rules[0].value",
        ":15: mappings[1].entity.title",
        ":16: mappings[2].blueprint",
        ":16: mappings[2].entity.identifier",
    ]
    assert "has 31 characters, Port accepts 30" in found[1]
    assert "syntax error" in found[6]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("identifier: 2020-01-01", "is read as a date; quote it"),
        ("1: 2", "as key must be a text, not a number"),
        ("identifier: .nan", "must be a finite number"),
    ],
)
def test_yaml_that_json_cannot_carry(tmp_path: Path, content: str, words: str) -> None:
    told = [found for found in problems(tmp_path, content) if "is missing" not in found]
    assert len(told) == 1
    assert words in told[0]


def test_what_json_cannot_carry_does_not_hide_other_problems(tmp_path: Path) -> None:
    content = """\
identifier: 2020-01-01
title: x
surprise: .inf
another: 1
schema: {properties: {1: {type: string}, p: {type: text}}}
"""
    assert {found.split(" | ")[0] for found in problems(tmp_path, content)} == {
        ":1: identifier",
        ":3: surprise",
        ":4: another",
        ":5: schema.properties.1",
        ":5: schema.properties.p.type",
    }


def test_a_manifest_may_come_out_of_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    text = json.dumps(load().blueprint.body)
    with ThreadPoolExecutor() as writer:
        writer.submit(pipe.write_text, text)
        assert load(pipe).blueprint.body == load().blueprint.body


def test_mapping_for_another_blueprint_is_named(tmp_path: Path) -> None:
    webhook = body(load(), "webhook")
    webhook["mappings"][0]["blueprint"] = "other"
    [found] = problems(tmp_path, yaml.safe_dump(webhook), webhook=True)
    assert "'falco_alert'" in found


def test_renamed_webhook_keeps_ports_limits() -> None:
    manifest = load_webhook()
    assert renamed(manifest, identifier="falco_prod", title=None).identifier == "falco_prod"
    with pytest.raises(OptionValueError, match="31 characters"):
        renamed(manifest, identifier=None, title="t" * 31)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["identifier", "title", "schema", "properties", "relations", "type"]
                )
                | st.text(max_size=5),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
def test_any_document_is_accepted_or_refused_with_a_reason(document: object) -> None:
    from falcoport.manifests.documents import Document, check_document

    for shape_name in ("BLUEPRINT", "WEBHOOK"):
        from falcoport.manifests import schema as limits

        found: list[Any] = []
        shape = getattr(limits, shape_name)
        check_document(Document("file", document, {}), shape, found, "bad_manifest")
        if not found:
            assert isinstance(document, dict)
            assert "identifier" in document
        assert all(problem.message and problem.where for problem in found)


def test_hostile_manifest_ends_with_4_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT_CLIENT_ID", "x")
    monkeypatch.setenv("PORT_CLIENT_SECRET", "never-used")
    file = tmp_path / "bad.yaml"
    file.write_text("title: [\n")
    ran = falcoport("setup", "--blueprint", str(file), "-o", "json")
    assert ran.exit_code == 4
    assert ran.stderr == ""
    [error] = ran.envelope["errors"]
    assert error["code"] == "bad_manifest"
    assert error["where"] == str(file)


@pytest.mark.parametrize(
    "path",
    sorted(
        path.relative_to(ROOT)
        for folder in ("blueprints", "webhook_configs")
        for path in (ROOT / folder).rglob("*.yaml")
        if path.name != "rollups.yaml"
    ),
    ids=str,
)
def test_what_ships_is_as_strict_as_what_users_write(path: Path) -> None:
    """A run does not check it, so a test does: each file in the place of the user's own."""
    is_webhook = path.parts[0] == "webhook_configs"
    if is_webhook:
        load_webhook(ROOT / path)
        return
    found: list[Problem] = []
    check_document(read_document(ROOT / path), BLUEPRINT, found, "bad_manifest")
    assert found == []


def _wide(member: str) -> str:
    """Return a blueprint of 10,000 properties; each property is `member`."""
    head = "identifier: x\ntitle: x\nschema:\n  properties:\n"
    return head + "".join(f"    p{number}: {member}\n" for number in range(10_000))


@pytest.mark.parametrize(
    "content",
    [
        _wide("{typ: string}"),
        _wide("1"),
        "".join(f"titl{number}: x\n" for number in range(20_000)),
        "identifier: x\ntitle: x\nschema:\n  properties:\n    a:\n      type: string\n      enum: ["
        + ",".join(f"a{number}" for number in range(20_000))
        + "]\n      enumColors: {"
        + ",".join(f"b{number}: red" for number in range(20_000))
        + "}\n",
    ],
    ids=["misspelled", "numbers", "unknown", "colors"],
)
def test_a_wide_manifest_is_checked_in_time_that_grows_with_it(
    tmp_path: Path, content: str
) -> None:
    file = tmp_path / "manifest.yaml"
    file.write_text(content, encoding="utf-8")
    began = time.process_time()
    with pytest.raises(ManifestError) as caught:
        load(file)
    # A tenth of this on an idle machine; a check that compares each with each takes minutes.
    assert time.process_time() - began < 4
    *shown, rest = caught.value.problems
    assert len(shown) == 50
    assert rest.message.endswith(" more problems are not shown.")
    assert int(rest.message.split()[0].replace(",", "")) > 9_000


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("1:" * 400 + "1.5", "number of 803 characters, at line 2"),
        ("9" * 100_000, "number of 100,000 characters, at line 2"),
        ("0x" + "f" * 100_000, "number of 100,002 characters"),
        ("!!timestamp x", "not what its tag says"),
        ("!!bool abc", "not what its tag says"),
        ("!!float abc", "could not convert"),
        ("!!python/object/apply:os.system [true]", "could not determine a constructor"),
        ("[" * 50_000, "nested too deeply"),
    ],
)
def test_values_that_no_document_can_hold_are_refused(
    tmp_path: Path, value: str, words: str
) -> None:
    [problem] = problems(tmp_path, f"identifier: x\nvalue: {value}\n")
    assert words in problem


def test_a_manifest_of_more_expressions_than_can_be_tried_is_refused(tmp_path: Path) -> None:
    webhook = body(load(), "webhook")
    entity = webhook["mappings"][0]["entity"]
    entity["properties"] = {f"p{number}": f".body.x{number}" for number in range(1001)}
    [problem] = problems(tmp_path, yaml.safe_dump(webhook), webhook=True)
    assert "expressions, more than 1,000" in problem
