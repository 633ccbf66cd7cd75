"""Each hand-over format parses back to what was handed over, or is refused with a reason."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from support.handover_readers import READERS, SECRET_OF_THE_SHELL, run_docker_line

from falcoport.errors import InputError, UsageError
from falcoport.falcosidekick.handover.contents import (
    IMAGE,
    MINIMUM_PRIORITIES,
    Handover,
    SecretStore,
)
from falcoport.falcosidekick.handover.helm_values import VERSIONS
from falcoport.falcosidekick.handover.interface import Format, render
from falcoport.falcosidekick.header import PLACEHOLDER, Header

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

URL = "https://ingest.port.example/abc123"
SAFE = "ABCXYZabcxyz0189-_.~+/="
URL_CHARACTERS = SAFE + "!$&'()*,;:@?#[]"

readers = pytest.mark.parametrize(
    ("form", "reader"), [pytest.param(f, r, id=f"{f}-{n}") for f, n, r in READERS]
)

printable = st.characters(min_codepoint=32, max_codepoint=126)
escapes = st.sampled_from(["%20", "%C3%A9", "%", "%zz", "$$", "${HOME}", " #", "{{", "\\n", "'\""])
paths = st.lists(st.one_of(st.text(URL_CHARACTERS, max_size=12), escapes), max_size=6).map("".join)
urls = st.one_of(
    paths.map(lambda path: f"https://ingest.port.example/{path}"),
    paths.map(lambda path: f"http://user:{path}@127.0.0.1:8010/x"),
    st.text(max_size=40),
)
secrets = st.one_of(
    st.text(SAFE, min_size=1, max_size=60),
    st.text(printable, max_size=60),
    st.lists(st.one_of(st.text(printable, max_size=8), escapes), max_size=5).map("".join),
    st.text(max_size=20),
)
names = st.one_of(
    st.sampled_from(["X-Falcoport-Secret", "Authorization", "true", "e1", "Host", "x.y"]),
    st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True),
    st.text(max_size=10),
)
tags = st.one_of(
    st.from_regex(r"[a-z0-9@_.+:/=-]{1,12}", fullmatch=True),
    st.sampled_from(["null", "0123", "1e5", "région", "-", "a,b", "", " x", "$(HOME)", "a'b"]),
)
unusual_priorities = ["Notice", "DEBUG", "info", ""]
priorities = st.one_of(st.none(), st.sampled_from([*MINIMUM_PRIORITIES, *unusual_priorities]))


@st.composite
def attempts(draw: st.DrawFn) -> Callable[[], Handover]:
    """Arguments of a handover, which may be hostile, as something to build it with."""
    url, priority = draw(urls), draw(priorities)
    chosen = tuple(draw(st.lists(tags, max_size=3)))
    pair = draw(st.one_of(st.none(), st.tuples(names, secrets)))
    at_once = draw(st.one_of(st.none(), st.integers(-1, 70_000)))

    def build() -> Handover:
        header = None if pair is None else Header(*pair)
        return Handover(url, header, priority, chosen, max_concurrent=at_once)

    return build


def expected(handover: Handover, form: str) -> dict[str, Any]:
    """Return what a reader is to find; a shell has the secret from its environment."""
    header = handover.header
    value = SECRET_OF_THE_SHELL if form == "docker" or header is None else header.value
    return {
        "url": handover.url,
        "headers": {} if header is None else {header.name: value},
        "priority": (handover.minimum_priority or "").lower(),
        "tags": list(handover.custom_tags),
        "concurrent": handover.max_concurrent or 20,
    }


@readers
@given(build=attempts())
def test_a_format_parses_back_or_is_refused_with_a_reason(
    form: str, reader: Callable[[str], dict[str, Any]], build: Callable[[], Handover]
) -> None:
    try:
        handover = build()
        text = render(handover, form)
    except (InputError, UsageError) as error:
        assert error.message  # noqa: PT017 - either outcome is right, a silent one is not
        return
    assert reader(text) == expected(handover, form)
    assert text.endswith("\n")


@readers
@given(
    secret=st.text(SAFE, min_size=1, max_size=80),
    path=st.text("abcXYZ019-._~", max_size=40),
    tag=st.from_regex(r"[a-z0-9@_.+:/=-]{1,12}", fullmatch=True),
    priority=st.sampled_from(MINIMUM_PRIORITIES),
)
def test_safe_values_are_refused_nowhere(
    *,
    form: str,
    reader: Callable[[str], dict[str, Any]],
    secret: str,
    path: str,
    tag: str,
    priority: str,
) -> None:
    handover = Handover(
        f"https://ingest.port.example/{path}",
        Header("X-Falcoport-Secret", secret),
        priority,
        (tag,),
    )
    assert reader(render(handover, form)) == expected(handover, form)


def test_the_docker_line_reads_the_secret_and_does_not_hold_it(tmp_path: Path) -> None:
    """The secret comes from the variable or the file; a missing one stops before docker."""
    header = Header("X-Falcoport-Secret", "s3cr3t")
    text = render(Handover(URL + "?a=$HOME&b='x'", header), "docker")
    assert "s3cr3t" not in text
    assert run_docker_line(text).returncode != 0
    assert "it is the secret of the webhook" in run_docker_line(text).stderr
    file = tmp_path / "it's a secret"
    file.write_text("from-a-file\n", encoding="utf-8")
    text = render(Handover(URL, header, secret_file=str(file)), "docker")
    ran = run_docker_line(text, PATH=os.environ["PATH"])
    assert ran.stdout.split("\0")[:2] == [URL, "X-Falcoport-Secret:from-a-file"]
    file.unlink()
    assert run_docker_line(text, PATH=os.environ["PATH"]).returncode != 0


def test_neither_url_nor_secret_is_an_argument_of_docker() -> None:
    text = render(Handover(URL, Header("X-Falcoport-Secret", "s3cr3t")), "docker")
    words = run_docker_line(text, FALCOPORT_WEBHOOK_SECRET="s3cr3t").stdout.split("\0")[2:]
    assert not [word for word in words if "abc123" in word or "s3cr3t" in word]


def test_the_docker_line_keeps_the_prefix_that_port_expects() -> None:
    text = render(Handover(URL, Header("X-Hub", f"v1={PLACEHOLDER}")), "docker")
    ran = run_docker_line(text, FALCOPORT_WEBHOOK_SECRET="abc")
    assert ran.stdout.split("\0")[1] == "X-Hub:v1=abc"


def test_url_is_the_url_and_nothing_else() -> None:
    assert render(Handover(URL, Header("X-Falcoport-Secret", "abc")), Format.URL) == URL + "\n"


@pytest.mark.parametrize(
    "more",
    [{"minimum_priority": "notice"}, {"custom_tags": ("prod",)}, {"max_concurrent": 5}],
)
def test_url_has_no_place_for_more(more: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="no place"):
        render(Handover(URL, **more), Format.URL)


def test_an_option_without_a_place_names_the_formats_that_have_one() -> None:
    with pytest.raises(UsageError, match="--existing-secret") as caught:
        render(Handover(URL, existing_secret="mine"), "env")
    assert caught.value.hint == "These have: helm, helm-sidekick."


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("info", "informational"),
        ("warn", "warning"),
        ("Crit", "critical"),
        ("", "emergency, alert"),
    ],
)
def test_a_priority_that_would_mean_everything_is_refused(value: str, meant: str) -> None:
    with pytest.raises(UsageError, match="every alert") as caught:
        Handover(URL, minimum_priority=value)
    assert meant in caught.value.hint


def test_a_priority_is_written_in_lower_case() -> None:
    text = render(Handover(URL, minimum_priority="Notice"), "env")
    assert "WEBHOOK_MINIMUMPRIORITY=notice\n" in text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ingest.port.example/x",
        "ftp://x/y",
        "HTTPS://x/y",
        "https://",
        "https:///path",
        f"{URL}\n",
        f" {URL}",
        f'"{URL}"',
        f"{URL}/a b",
        f"{URL}/é",
        f"{URL}/%",
        f"{URL}#part",
        f"{URL}/{{x}}",
        "https://x:port/y",
        f"{URL}/{'a' * 2000}",
    ],
)
def test_a_url_that_switches_the_output_off_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="webhook URL"):
        Handover(url)


@pytest.mark.parametrize("tag", ["", "a,b", "a b", "a\n", "$(X)", "a'b"])
def test_a_tag_that_would_arrive_otherwise_is_refused(tag: str) -> None:
    with pytest.raises(UsageError, match="custom tag"):
        Handover(URL, custom_tags=(tag,))


@pytest.mark.parametrize("namespace", ["", "Falco", "a b", "-x", "x" * 64, "falco\n"])
def test_a_namespace_that_kubernetes_refuses_is_refused(namespace: str) -> None:
    with pytest.raises(UsageError, match="Kubernetes namespace"):
        Handover(URL, namespace=namespace)


@pytest.mark.parametrize("secret", ["a$HOME", "a\\b", "a #b"])
def test_an_env_file_refuses_what_one_of_its_readers_would_change(secret: str) -> None:
    handover = Handover(URL, Header("X-Falcoport-Secret", secret))
    with pytest.raises(UsageError, match="WEBHOOK_CUSTOMHEADERS") as caught:
        render(handover, "env")
    assert secret not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("form", ["config", "helm", "helm-sidekick"])
def test_no_key_is_written_empty(form: str) -> None:
    """An empty `webhook:` would switch the environment's settings off, an empty tag is a tag."""

    def leaves(tree: Any) -> list[Any]:
        if isinstance(tree, dict):
            return [leaf for value in tree.values() for leaf in leaves(value)]
        return [tree]

    assert all(leaves(yaml.safe_load(render(Handover(URL), form))))


@pytest.mark.parametrize(("form", "chart"), [("helm", "falco"), ("helm-sidekick", "falcosidekick")])
def test_the_helm_values_say_how_to_install_them(form: str, chart: str) -> None:
    text = render(Handover(URL, namespace="security"), form)
    assert (
        f"#   helm upgrade --install {chart} falcosecurity/{chart} --version "
        f"{VERSIONS[chart]} -n security --create-namespace --reset-then-reuse-values "
        "-f falcoport-values.yaml\n"
    ) in text
    assert " values.yaml" not in text
    assert "#   helm repo add falcosecurity https://falcosecurity.github.io/charts\n" in text


def test_the_secret_lies_in_the_namespace_of_the_release() -> None:
    secret = yaml.safe_load(render(Handover(URL, namespace="security"), "k8s-secret"))
    assert secret["metadata"] == {"name": "falcosidekick-webhook", "namespace": "security"}


@pytest.mark.parametrize("form", ["docker", "compose"])
def test_the_input_without_credentials_is_published_on_loopback_only(form: str) -> None:
    text = render(Handover(URL), form)
    assert "127.0.0.1:2801:2801" in text
    assert IMAGE in text
    assert re.fullmatch(r"falcosecurity/falcosidekick:\d+\.\d+\.\d+", IMAGE)


def test_neither_url_nor_secret_is_in_a_repr() -> None:
    shown = repr(Handover(URL, Header("X-Falcoport-Secret", "s3cr3t")))
    assert "abc123" not in shown
    assert "s3cr3t" not in shown


def test_every_format_has_a_reader_here() -> None:
    others = {"url", "external-secret", "prometheus-rule", "relay-nats", "relay-kafka"}
    assert {form for form, _, _ in READERS} | others == set(Format)


@pytest.mark.parametrize("form", ["helm", "helm-sidekick"])
def test_values_that_refer_to_a_secret_hold_nothing_secret(form: str) -> None:
    """They can lie in a repository: URL, header and load are the Secret's, tags are their own."""
    handover = Handover(
        URL, Header("X-Falcoport-Secret", "s3cr3t"), custom_tags=("prod",), existing_secret="mine"
    )
    text = render(handover, form)
    assert "abc123" not in text
    assert "s3cr3t" not in text
    values = yaml.safe_load(text)
    config = values["falcosidekick"]["config"] if form == "helm" else values["config"]
    assert config == {"existingSecret": "mine", "customtags": "prod"}
    assert "rollout restart deployment -l app.kubernetes.io/name=falcosidekick," in text


def test_what_is_asked_for_beside_a_secret_wins_over_it() -> None:
    handover = Handover(URL, None, "Error", existing_secret="mine", max_concurrent=50)
    config = yaml.safe_load(render(handover, "helm-sidekick"))["config"]
    assert config["extraEnv"] == [
        {"name": "WEBHOOK_MAXCONCURRENTREQUESTS", "value": "50"},
        {"name": "WEBHOOK_MINIMUMPRIORITY", "value": "error"},
    ]


def test_the_secret_names_the_deployments_of_both_charts() -> None:
    text = render(Handover(URL, secret_name="falco-port"), "k8s-secret")
    assert "falco-falcosidekick of the chart `falco`" in text
    assert "falcosidekick of the chart `falcosidekick`" in text
    assert 'existingSecret: "falco-port"' in text


@pytest.mark.parametrize("form", ["k8s-secret", "external-secret", "prometheus-rule"])
def test_labels_and_annotations_are_those_of_the_object(form: str) -> None:
    store = SecretStore("vault") if form == "external-secret" else None
    marked = Handover(
        URL,
        labels=(("example.com/team", "a"), ("true", "1e5"), ("empty", "")),
        annotations=(("argocd.argoproj.io/sync-wave", "-1"), ("note", "says: \\ #'\"")),
        store=store,
    )
    metadata = yaml.safe_load(render(marked, form))["metadata"]
    assert metadata["labels"] == dict(marked.labels)
    assert metadata["annotations"] == dict(marked.annotations)


@pytest.mark.parametrize(
    "wrong",
    [
        {"labels": (("a b", "c"),)},
        {"labels": (("a", "c d"),)},
        {"labels": (("a/b/c", "d"),)},
        {"labels": (("", "d"),)},
        {"labels": (("a", "x" * 64),)},
        {"annotations": (("-a", "c"),)},
        {"annotations": (("a", "c\n"),)},
        {"annotations": (("a", "x" * 300_000),)},
        {"secret_name": "Falco"},
        {"existing_secret": ""},
        {"store": SecretStore("a b")},
        {"max_concurrent": 0},
        {"max_concurrent": 65536},
    ],
)
def test_what_kubernetes_or_falcosidekick_refuses_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Handover(URL, **wrong)


def test_an_external_secret_takes_both_credentials_from_the_store_and_holds_none() -> None:
    handover = Handover(
        URL,
        Header("X-Falcoport-Secret", "s3cr3t"),
        "Notice",
        store=SecretStore("vault", "SecretStore", "falco/port"),
    )
    text = render(handover, "external-secret")
    assert "abc123" not in text
    assert "s3cr3t" not in text
    spec = yaml.safe_load(text)["spec"]
    assert spec["secretStoreRef"] == {"name": "vault", "kind": "SecretStore"}
    assert [(one["secretKey"], one["remoteRef"]["key"]) for one in spec["data"]] == [
        ("WEBHOOK_ADDRESS", "falco/port"),
        ("WEBHOOK_CUSTOMHEADERS", "falco/port"),
    ]
    assert spec["target"]["template"] == {
        "mergePolicy": "Merge",
        "data": {"WEBHOOK_MINIMUMPRIORITY": "notice", "WEBHOOK_MAXCONCURRENTREQUESTS": "20"},
    }
    environment = json.loads(render(Handover(URL, handover.header), "json"))["environment"]
    assert {one["remoteRef"]["property"] for one in spec["data"]} <= set(environment)


def test_an_external_secret_needs_a_store() -> None:
    with pytest.raises(UsageError, match="store"):
        render(Handover(URL), "external-secret")


def test_the_alarm_is_about_the_counter_of_lost_alerts() -> None:
    [group] = yaml.safe_load(render(Handover(URL), "prometheus-rule"))["spec"]["groups"]
    [rule] = group["rules"]
    series = 'falcosecurity_falcosidekick_outputs_total{destination="webhook",status="error"}'
    assert series in rule["expr"]
    assert rule["alert"] == "FalcoAlertsLost"


PROMTOOL_TEST = """
rule_files: [rules.yaml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: '{series}'
        values: '{values}'
    alert_rule_test:
      - {{eval_time: 4m, alertname: FalcoAlertsLost, exp_alerts: [{early}]}}
      - {{eval_time: 30m, alertname: FalcoAlertsLost, exp_alerts: []}}
"""


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")
@pytest.mark.parametrize("values", ["_ _ _ 1x40", "0 0 0 1x40", "5x40"])
def test_prometheus_raises_the_alarm_at_the_first_loss_and_lowers_it(
    values: str, tmp_path: Path
) -> None:
    """The first error creates its counter at 1, which `increase` alone does not see."""
    spec = yaml.safe_load(render(Handover(URL), "prometheus-rule"))["spec"]
    for rule in spec["groups"][0]["rules"]:
        del rule["annotations"]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    series = (
        "falcosecurity_falcosidekick_outputs_total"
        '{destination="webhook",status="error",namespace="falco"}'
    )
    alarm = "{exp_labels: {severity: critical, namespace: falco}}"
    test = PROMTOOL_TEST.format(series=series, values=values, early=alarm)
    (tmp_path / "test.yaml").write_text(test, encoding="utf-8")
    ran = subprocess.run(
        ["promtool", "test", "rules", "test.yaml"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
