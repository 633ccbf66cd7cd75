"""The commands there are: each with its module, loaded when it is called, and what it does.

Listing the commands must not cost what running them does, so what the list shows stands here; the
rest of a command's help is its function's docstring.
"""

from __future__ import annotations

from typing import NamedTuple

WITHOUT_ACCOUNT = "Without a Port account"
COMPLETION = "_FALCOPORT_COMPLETE"
"""The variable by which a shell asks for completions."""


class Entry(NamedTuple):
    """One command: its name, its module in `falcoport.cli`, what it does, its panel in --help."""

    name: str
    module: str
    summary: str
    panel: str | None = None


COMMANDS = {
    entry.name: entry
    for entry in (
        Entry(
            "init",
            "init",
            "Write falcoport.yaml, the set-up as a file, with what is found in the catalog.",
        ),
        Entry(
            "setup",
            "setup",
            "Create or update blueprint, relation, webhook and mapping; print the webhook's URL.",
        ),
        Entry(
            "plan",
            "setup",
            "Show what `setup` with the same options would change; change nothing.",
        ),
        Entry(
            "add-relation",
            "add_relation",
            "Relate alerts to namespaces, or to any other blueprint, in an existing set-up.",
        ),
        Entry(
            "show-url",
            "show_url",
            "Print the webhook's URL, alone or as Falcosidekick's configuration.",
        ),
        Entry(
            "export",
            "export",
            "Write the set-up in Port as Terraform code or as bodies of Port's API.",
        ),
        Entry(
            "preview",
            "preview",
            "Map real alerts offline: what Port would store, and what it would not.",
        ),
        Entry(
            "send-test",
            "send_test",
            "Send a test alert as Falcosidekick does, and check that it arrives in the catalog.",
        ),
        Entry(
            "replay",
            "replay",
            "Send stored alerts (S3, Loki, Kafka, Elasticsearch, logs, …) to Port, oldest first.",
        ),
        Entry(
            "relay",
            "relay",
            "Post alerts from a queue (NATS JetStream or Kafka) to Port, without losing any.",
        ),
        Entry(
            "prune",
            "prune",
            "Delete old alerts, which Port keeps indefinitely; counts them and asks first.",
        ),
        Entry(
            "tag-rules",
            "tag_rules",
            "Write a Falco rules file that tags rules with the namespace of their alerts.",
        ),
        Entry(
            "status",
            "status",
            "Show whether the set-up is complete and whether alerts arrive.",
        ),
        Entry(
            "teardown",
            "teardown",
            "Delete the webhook, the relation and the blueprint; alerts only if asked to.",
        ),
        Entry(
            "demo",
            "demo",
            "Show it all without an account: a local Port, a set-up, alerts that arrive.",
            WITHOUT_ACCOUNT,
        ),
        Entry(
            "sandbox",
            "sandbox",
            "Run a local Port until Ctrl-C, to try falcoport without an account.",
            WITHOUT_ACCOUNT,
        ),
        Entry(
            "completion",
            "completion",
            "Print the completion script of a shell.",
        ),
    )
}
