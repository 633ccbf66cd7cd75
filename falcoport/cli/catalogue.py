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
            "Write falcoport.yaml: what the set-up is, with what the catalog proposes.",
        ),
        Entry(
            "setup",
            "setup",
            "Create or bring up to date blueprint, relation, webhook and mapping; print the URL.",
        ),
        Entry(
            "plan",
            "setup",
            "Show what `setup` with the same options would change; change nothing.",
        ),
        Entry(
            "add-relation",
            "add_relation",
            "Relate alerts to namespaces, or to any other blueprint, in a set-up that lacks it.",
        ),
        Entry(
            "show-url",
            "show_url",
            "Print the URL of the webhook that `setup` made, alone or as Falcosidekick's "
            "configuration.",
        ),
        Entry(
            "export",
            "export",
            "Write blueprint and webhook, as they are in Port, as Terraform code or as API bodies.",
        ),
        Entry(
            "preview",
            "preview",
            "Show what Port would store for real alerts, and what the mapping would lose.",
        ),
        Entry(
            "send-test",
            "send_test",
            "Send one test alert as Falcosidekick does, and see that it is in the catalog as it "
            "should be.",
        ),
        Entry(
            "replay",
            "replay",
            "Send stored alerts (S3, Loki, Kafka, Elasticsearch, logs, …) to Port, in order of "
            "time.",
        ),
        Entry(
            "relay",
            "relay",
            "Post alerts from a queue (NATS JetStream or Kafka) to Port; lose none while Port is "
            "away.",
        ),
        Entry(
            "prune",
            "prune",
            "Delete alerts by age: Port keeps them for ever. Counts first, and asks.",
        ),
        Entry(
            "tag-rules",
            "tag_rules",
            "Write the Falco file that tags rules, so that their alerts belong to a namespace in "
            "Port.",
        ),
        Entry(
            "status",
            "status",
            "Show on one screen whether everything is wired as `setup` would do it, and alerts "
            "arrive.",
        ),
        Entry(
            "teardown",
            "teardown",
            "Remove the webhook, the relation and the blueprint; alerts stay unless asked "
            "otherwise.",
        ),
        Entry(
            "demo",
            "demo",
            "See it work without an account: a local Port, a real set-up, three alerts that "
            "arrive.",
            WITHOUT_ACCOUNT,
        ),
        Entry(
            "sandbox",
            "sandbox",
            "Run a local Port on loopback until Ctrl-C, to try falcoport without an account.",
            WITHOUT_ACCOUNT,
        ),
        Entry(
            "completion",
            "completion",
            "Print a script that completes falcoport's commands and options in a shell.",
        ),
    )
}
