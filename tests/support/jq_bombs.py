"""JQ expressions that would hang or fill a machine, and one way to put them into a webhook."""

from __future__ import annotations

import json
from typing import Any

from falcoport.manifests.loading import load

BOMBS = (
    "until(false; .)",
    "[repeat(1)]",
    "last(repeat(1))",
    "[range(1e12)]",
    "[limit(1e9; repeat(1))] | length",
    "def f: f; f",
    "def f: [f]; f",
    "def f: f, f; f",
    '"a" * 1e9',
    "last(recurse(.))",
    "reduce range(1e9) as $i (0; .+1)",
    "foreach range(1e9) as $i (0; .+1; empty)",
    "[while(true; .)]",
    '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!" | test("^(a+)+$")',
    '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!" | test("^(a|aa)+$")',
    " | ".join(["[., .]"] * 28),
    " | ".join(["tojson"] * 24),
    ".body.rule | " + " | ".join([". + ."] * 32),
    "[" + " | ".join(["(., .)"] * 28) + "]",
    "null | .[1e8] = 1",
    "[] | .[500000000] = 1",
    "[[range(300)],[range(300)],[range(300)],[range(300)]] | [combinations] | length",
    "[range(1e6)] | map([range(1000)])",
    '"x" | [splits("";"g")] | until(false;.)',
    "label $out | until(false;.)",
    "try repeat(error) catch until(false;.)",
    "walk(until(false;.))",
    "env | until(false;.)",
    "now | until(. < 0; now)",
    "[range(1e9)] | sort",
    "[range(20000000)] | sort | length",
    "[range(5000)] as $a | [$a[] as $x | $a[] as $y | $a[] as $z | 1] | length",
    "{} | until(false; .a += 1)",
    '"a" | until(length > 1e12; . + .)',
    "[1] | until(length > 1e12; . + .)",
    "{a:1} | [paths] | until(false;.)",
    "[limit(1e10; range(1e11))] | length",
    '[.body.output | scan("(.+)+\\\\d{9}")]',
    "reduce range(10000000) as $i ([]; . + [[.]])|length",
    "first(until(false;.))",
    "[.body.rule | explode[] | range(1e8)] | add",
    'ltrimstr(until(false;"a"))',
    "$__loc__ | until(false;.)",
    '@base64 "\\(until(false;.))"',
    '"\\(repeat(1))" | [.] | until(false;.)',
    'getpath(["a"]) | until(false;.)',
    "[range(1e8)] | implode",
    ".body.output" + 5 * '| gsub("";"aaaaaaaaaa")',
    "[range(100000)] | [.[] as $x | .[] | select(. == $x)] | length",
    '[range(1e7)|tostring] | join(",") | . * 100',
    "limit(1e9; repeat(1)) | select(false)",
    "last(range(1e10))",
)
"""None gives an answer within seconds and half a gigabyte; jq gives up the regular expressions."""

GIVEN_UP = '"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!" | test("^(a|aa)+$")'
"""A regular expression whose backtracking jq itself ends, after a quarter of a second."""

HARMLESS = (
    "repeat(.)",
    "repeat(1)",
    "[recurse] | recurse",
    "first(range(1e12))",
    "limit(3; repeat(1))",
)
"""The same words, but the first output comes at once, and only that one counts."""


def build_webhook(expression: str, field: str = "title") -> dict[str, Any]:
    """Return the shipped webhook with an expression in a field of its mapping."""
    webhook: dict[str, Any] = json.loads(json.dumps(load().webhook.body))
    mapping = webhook["mappings"][0]
    if field in ("filter", "itemsToParse"):
        mapping[field] = expression
    elif "." in field:
        group, name = field.split(".")
        mapping["entity"][group][name] = expression
    else:
        mapping["entity"][field] = expression
    return webhook
