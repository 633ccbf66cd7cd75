"""Documents of Elasticsearch, OpenSearch and Quickwit: a search's hits, or one hit a line.

Falcosidekick adds `@timestamp`. With `flattenfields` or `createindextemplate` it also writes `_`
for every `.` and bracket in the names of fields; what Falco calls its fields brings most of them
back, and a name of somebody's own stays as it is (`outputs/elasticsearch.go`, 2.34.1).
"""

from __future__ import annotations

import re
from typing import Any

from falcoport.falco.inputs.envelope import Envelope, Inner, as_text, members_of
from falcoport.falco.inputs.interface import InputFormat

_CLASSES = frozenset(
    "evt proc thread user group fd fs syslog container k8s k8smeta ka jevt ct s3 gcp okta github "
    "span".split()
)
"""How the names of Falco's fields begin, those of its common plugins included."""

_UNDERSCORED = tuple(
    "is_io_read is_io_write is_io io_dir is_wait wait_latency is_syslog is_open_read is_open_write "
    "is_open_exec is_open_create is_exe_writable is_exe_upper_layer is_exe_lower_layer "
    "is_exe_from_memfd is_sid_leader is_vpgid_leader is_pgid_leader is_container_healthcheck "
    "is_container_liveness_probe is_container_readiness_probe exe_ino ctime_duration_proc_start "
    "ctime_duration_pidns_start pidns_init_start_ts cap_permitted cap_inheritable cap_effective "
    "name_changed is_server start_ts liveness_probe readiness_probe sandbox_id full_sandbox_id "
    "host_ipc host_network host_pid host_port run_as_user run_as_group fs_group "
    "supplemental_groups allow_privilege_escalation read_only_fs proc_mount cmdline_args".split()
)
"""Parts of Falco's field names that hold a `_` of their own, the longer of two first."""

_INDEXED = re.compile(r"^(proc\.(?:aname|apid|aexe|aexepath|acmdline|aenv|args|env))\.(\d+)\.?$")


def unwrap(value: Any) -> list[Inner] | None:
    """Return the documents of one answer, or of one hit."""
    if not isinstance(value, dict):
        return None
    hits = members_of(value, "hits", "hits")
    if hits is not None:
        return [_document(one) for one in hits]
    if isinstance(value.get("_source"), dict):
        return [_document(value)]
    if "@timestamp" in value and "rule" in value and "@version" not in value:
        return [_document({"_source": value})]
    return None


def _document(hit: dict[str, Any]) -> Inner:
    source = hit.get("_source")
    if not isinstance(source, dict):
        return Inner(problem="the hit has no _source, which is the alert")
    alert = {name: member for name, member in source.items() if name != "@timestamp"}
    fields = alert.get("output_fields")
    if isinstance(fields, dict) and not any("." in name or "[" in name for name in fields):
        alert["output_fields"] = {_restore(name): member for name, member in fields.items()}
    return as_text(alert)


def _restore(name: str) -> str:
    """Return what Falco calls a field whose dots and brackets became `_`."""
    kind, underscore, rest = name.partition("_")
    if not underscore or kind not in _CLASSES:
        return name
    kept = {part: part.replace("_", "\0") for part in _UNDERSCORED}
    for part, marked in kept.items():
        rest = re.sub(rf"(?<![a-z]){part}(?![a-z])", marked, rest)
    restored = f"{kind}.{rest}".replace("_", ".").replace("\0", "_")
    return _INDEXED.sub(r"\1[\2]", restored)


_FORMAT = Envelope(
    InputFormat.ELASTICSEARCH, unwrap, re.compile(rb'"(?:_shards|_source|_index)"\s*:')
)
is_format_of, split, find = _FORMAT.is_format_of, _FORMAT.split, _FORMAT.find
