"""Every way to sign in that a NATS server of the user may ask for, at a real nats-server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme
from support.proxies import write_authority
from support.queues import nats_server
from support.relays import here_until, relay, wait_for_consumer
from support.webhooks import Receiver, receiver

from falcoport.delivery.relay.interface import QueueSource, StreamLimits
from falcoport.delivery.relay.nats import JetStreamQueue
from falcoport.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The key pair that thirty-two zero bytes make.
SEED = "SU" + "A" * 54 + "EQ"
PUBLIC = "UA5WUJ54Z23KILLCUOUNAKTPBVZWKMQVO4O6EQ5GHLAERIMLLHNCTYM5"
AUTHORITY = trustme.CA()


@pytest.fixture
def here() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


def queue_at(servers: str, scheme: str = "nats", **settings: str) -> JetStreamQueue:
    source = QueueSource(
        scheme, (servers,), name="falco.>", dead_letter="falcoport.dead-letter", settings=settings
    )
    return JetStreamQueue(source, stream=None, limits=StreamLimits())


def write_certificate(folder: Path, name: str) -> tuple[str, str]:
    """Write a certificate and its key; return their paths."""
    made = AUTHORITY.issue_cert("127.0.0.1", common_name=name)
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    made.cert_chain_pems[0].write_to_path(str(certificate))
    made.private_key_pem.write_to_path(str(key))
    return str(certificate), str(key)


def tls_flags(folder: Path, *extra: str) -> tuple[str, ...]:
    """Return the server's flags for TLS with a certificate of AUTHORITY."""
    certificate, key = write_certificate(folder, "server")
    return ("--tls", f"--tlscert={certificate}", f"--tlskey={key}", *extra)


def test_a_token(tmp_path: Path, here: Receiver) -> None:
    with (
        nats_server(tmp_path / "nats", "--auth", "a-token") as servers,
        relay(queue_at(servers, token="a-token"), here) as running,
    ):
        wait_for_consumer(running)


def test_an_nkey(tmp_path: Path, here: Receiver) -> None:
    config = tmp_path / "nats.conf"
    config.write_text(f"authorization {{ users: [ {{ nkey: {PUBLIC} }} ] }}")
    with (
        nats_server(tmp_path / "nats", "-c", str(config)) as servers,
        relay(queue_at(servers, nkey_seed=SEED), here) as running,
    ):
        wait_for_consumer(running)


def test_tls_with_a_private_authority(tmp_path: Path, here: Receiver) -> None:
    authority = write_authority(AUTHORITY, tmp_path)
    with (
        nats_server(tmp_path / "nats", *tls_flags(tmp_path)) as servers,
        relay(queue_at(servers, "tls", tls_ca=authority), here) as running,
    ):
        wait_for_consumer(running)


def test_tls_with_a_certificate_of_the_relays_own(tmp_path: Path, here: Receiver) -> None:
    authority = write_authority(AUTHORITY, tmp_path)
    flags = tls_flags(tmp_path, "--tlsverify", f"--tlscacert={authority}")
    certificate, key = write_certificate(tmp_path, "relay")
    own = {"tls_ca": authority, "tls_cert": certificate, "tls_key": key}
    with (
        nats_server(tmp_path / "nats", *flags) as servers,
        relay(queue_at(servers, "tls", **own), here) as running,
    ):
        wait_for_consumer(running)


def test_tls_before_anything_else_is_said(tmp_path: Path, here: Receiver) -> None:
    authority = write_authority(AUTHORITY, tmp_path)
    certificate, key = write_certificate(tmp_path, "server")
    config = tmp_path / "nats.conf"
    config.write_text(
        f'tls {{ cert_file: "{certificate}", key_file: "{key}", handshake_first: true }}'
    )
    with (
        nats_server(tmp_path / "nats", "-c", str(config)) as servers,
        relay(queue_at(servers, "tls", tls_ca=authority, tls_first="true"), here) as running,
    ):
        wait_for_consumer(running)


@pytest.mark.slow  # the client tries for five seconds
def test_a_server_of_another_authority_is_not_trusted(tmp_path: Path, here: Receiver) -> None:
    other = write_authority(trustme.CA(), tmp_path)
    with (
        nats_server(tmp_path / "nats", *tls_flags(tmp_path)) as servers,
        relay(queue_at(servers, "tls", tls_ca=other), here) as running,
    ):
        here_until(lambda: bool(running.said))
        assert "its certificate does not verify: unable to get local issuer" in running.said[0]
    assert running.metrics.counts["posted"] == 0


@pytest.mark.parametrize(
    ("scheme", "settings", "message"),
    [
        ("tls", {"tls_ca": "/none.pem"}, "The TLS files"),
        ("nats", {"creds": "/none.creds"}, "/none.creds cannot be read: No such file"),
        ("nats", {"nkey_seed": "SU-4711"}, "no seed of an nkey"),
    ],
)
def test_what_cannot_be_signed_in_with_is_said_at_once(
    here: Receiver, scheme: str, settings: dict[str, str], message: str
) -> None:
    with relay(queue_at("127.0.0.1:1", scheme, **settings), here) as running:
        here_until(lambda: running.error is not None)
    assert isinstance(running.error, UsageError)
    assert message in str(running.error)
    assert "4711" not in str(running.error)
