"""Each hand-over format parses back to what was handed over, or is refused with a reason."""

from __future__ import annotations

import re
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from support.handover_readers import READERS

from falcoport.errors import InputError, UsageError
from falcoport.falcosidekick.handover.contents import IMAGE, MINIMUM_PRIORITIES, Handover
from falcoport.falcosidekick.handover.interface import Format, render
from falcoport.falcosidekick.header import Header

if TYPE_CHECKING:
    from collections.abc import Callable

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

    def build() -> Handover:
        return Handover(url, None if pair is None else Header(*pair), priority, chosen)

    return build


def told(handover: Handover) -> dict[str, Any]:
    header = handover.header
    return {
        "url": handover.url,
        "headers": {} if header is None else {header.name: header.value},
        "priority": (handover.minimum_priority or "").lower(),
        "tags": list(handover.custom_tags),
    }


@readers
@settings(max_examples=150, deadline=None)
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
    assert reader(text) == told(handover)
    assert text.endswith("\n")


@readers
@settings(max_examples=40, deadline=None)
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
    assert reader(render(handover, form)) == told(handover)


@settings(max_examples=20, deadline=None)
@given(secrets_=st.lists(st.text(printable, min_size=1, max_size=40), min_size=1, max_size=20))
def test_a_real_shell_takes_the_docker_line_as_shlex_does(secrets_: list[str]) -> None:
    lines = []
    for secret in secrets_:
        try:
            header = Header("X-Falcoport-Secret", secret)
        except UsageError:
            continue
        lines.append(render(Handover(URL + "?a=$HOME&b='x'", header), "docker"))
    script = "docker() { printf '%s\\0' docker \"$@\" END; }\n" + "".join(lines)
    answer = subprocess.run(["sh", "-c", script], capture_output=True, check=True, text=True)
    runs = [run.split("\0")[:-1] for run in answer.stdout.split("END\0")[:-1]]
    assert runs == [shlex.split(line) for line in lines]


def test_url_is_the_url_and_nothing_else() -> None:
    assert render(Handover(URL, Header("X-Falcoport-Secret", "abc")), Format.URL) == URL + "\n"


@pytest.mark.parametrize("more", [{"minimum_priority": "notice"}, {"custom_tags": ("prod",)}])
def test_url_has_no_place_for_more(more: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="no place"):
        render(Handover(URL, **more), Format.URL)


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
    with pytest.raises(UsageError, match="everything") as caught:
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


def test_the_helm_values_say_how_to_install_them() -> None:
    text = render(Handover(URL, namespace="security"), "helm")
    assert (
        "#   helm upgrade --install falco falcosecurity/falco -n security --create-namespace "
        "-f values.yaml\n"
    ) in text
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
    assert {form for form, _, _ in READERS} | {"url"} == set(Format)
