"""Alerts of every rule of a Falco ruleset, composed from the fields that its output names.

The rules themselves are not ours to ship: FALCOPORT_RULES names a folder with rules files
(falcosecurity/rules `rules/`, falcosecurity/plugins `plugins/*/rules/`), searched with everything
below it. Without it only the fields that those rules use are tried, in made-up alerts.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FOLDER = os.environ.get("FALCOPORT_RULES")

# The fields that the container plugin adds to each alert of a system call.
SUGGESTED = (
    "container.id", "container.name", "container.image.repository", "container.image.tag",
    "k8s.pod.name", "k8s.ns.name",
)  # fmt: skip
_PRIORITIES = {"INFO": "Informational"}
_FIELD = re.compile(r"%([a-z0-9][a-z0-9_.]*(?:\[[^\]]*\])?)", re.IGNORECASE)

# What each field holds, by source, in the stable, incubating and sandbox rules (falco-rules 5.1)
# and in the rules of the plugins. The values are made up.
FIELDS: dict[str, dict[str, Any]] = {
    "syscall": {
        "container.id": "3f1c9a7be2d4",
        "container.image.repository": "registry.example.com/auth/login-api",
        "container.image.tag": "1.8.2",
        "container.mounts": "/var/run:/var/run",
        "container.name": "login-api",
        "container.start_ts": 1786958800000000000,
        "evt.arg.cmd": "4096",
        "evt.arg.fd": "3",
        "evt.arg.filename": "/usr/bin/su",
        "evt.arg.flags": "EXE_WRITABLE",
        "evt.arg.linkpath": "/tmp/passwd",
        "evt.arg.mode": "S_ISUID",
        "evt.arg.name": "/etc/hosts",
        "evt.arg.newpath": "/root/.ssh/id",
        "evt.arg.oldpath": "/tmp/id",
        "evt.arg.path": "/etc/cron.d/job",
        "evt.arg.target": "/etc/passwd",
        "evt.arg.uid": "0",
        "evt.args": "request=4096",
        "evt.res": "SUCCESS",
        "evt.type": "openat",
        "fd.cip.name": "client.example.com",
        "fd.l4proto": "tcp",
        "fd.lip.name": "login-api",
        "fd.lport": 41522,
        "fd.name": "10.42.1.23:41522->203.0.113.50:4444",
        "fd.nameraw": "../etc/shadow",
        "fd.rip": "203.0.113.50",
        "fd.rip.name": "pool.example.com",
        "fd.rport": 4444,
        "fd.sip": "203.0.113.50",
        "fd.sip.name": "pool.example.com",
        "fd.sport": 4444,
        "fd.type": "ipv4",
        "group.gid": 0,
        "group.name": "root",
        "k8s.ns.name": "auth",
        "k8s.pod.name": "login-api-6d9f7c5b8c-x2k4q",
        "proc.aexepath[2]": "/usr/bin/containerd-shim",
        "proc.aname[2]": "containerd-shim",
        "proc.aname[3]": "systemd",
        "proc.aname[4]": None,
        "proc.args": "-i",
        "proc.cmdline": "bash -i",
        "proc.cwd": "/app/",
        "proc.env": "HOME=/root",
        "proc.exe": "/usr/bin/bash",
        "proc.exe_ino.ctime": 1786958800000000000,
        "proc.exe_ino.ctime_duration_proc_start": 12,
        "proc.exe_ino.mtime": 1786958800000000000,
        "proc.exepath": "/usr/bin/bash",
        "proc.name": "bash",
        "proc.pcmdline": "node app.js",
        "proc.pexe": "/usr/bin/node",
        "proc.pexepath": "/usr/bin/node",
        "proc.pname": "node",
        "proc.sname": "node",
        "proc.tty": 0,
        "thread.cap_effective": "CAP_SYS_ADMIN",
        "thread.cap_permitted": "CAP_SYS_ADMIN",
        "user.loginname": "root",
        "user.loginuid": -1,
        "user.name": "root",
        "user.uid": 0,
    },
    "k8s_audit": {
        "jevt.obj": "{}",
        "ka.auth.decision": "allow",
        "ka.auth.reason": "RBAC",
        "ka.cluster.name": "prod",
        "ka.req.binding.role": "cluster-admin",
        "ka.req.binding.subjects": ["jane"],
        "ka.req.configmap.name": "settings",
        "ka.req.pod.containers.image": ["registry.example.com:5000/busybox:1.36@sha256:00ff"],
        "ka.req.role.rules": ["*"],
        "ka.req.service.ports": ["30000"],
        "ka.resp.name": "debug-0",
        "ka.response.code": "201",
        "ka.response.reason": "Created",
        "ka.sourceips": ["198.51.100.7"],
        "ka.target.name": "login-api-6d9f7c5b8c-x2k4q",
        "ka.target.namespace": "auth",
        "ka.target.resource": "pods",
        "ka.target.subresource": "exec",
        "ka.uri": "/api/v1/namespaces/auth/pods",
        "ka.uri.param[command]": "sh",
        "ka.user.name": "jane@example.com",
        "ka.verb": "create",
    },
    "aws_cloudtrail": {
        "ct.error": "AccessDenied",
        "ct.id": "9c8f0a52",
        "ct.name": "ConsoleLogin",
        "ct.region": "eu-central-1",
        "ct.request.availabilityzone": "eu-central-1a",
        "ct.request.cluster": "shop",
        "ct.request.functionname": "orders",
        "ct.request.groupname": "admins",
        "ct.request.host": "logs.example.com",
        "ct.request.name": "trail",
        "ct.request.policy": "{}",
        "ct.request.serialnumber": "arn:aws:iam::123456789012:mfa/jane",
        "ct.request.servicename": "checkout",
        "ct.request.taskdefinition": "checkout:3",
        "ct.request.username": "sam",
        "ct.response.reservationid": "r-0a1b",
        "ct.response.subnetid": "subnet-0a1b",
        "ct.srcip": "203.0.113.77",
        "ct.user": "jane.doe",
        "ct.user.accountid": "123456789012",
        "ct.user.arn": "arn:aws:iam::123456789012:user/jane.doe",
        "ct.user.principalid": "AIDAEXAMPLE",
        "evt.num": 4711,
        "evt.plugininfo": "us-east-1 jane ConsoleLogin",
        "s3.bucket": "example-invoices",
    },
    "okta": {
        "okta.actor.alternateid": "jane@example.com",
        "okta.actor.name": "Jane Doe",
        "okta.client.geo.country": "Iceland",
        "okta.client.ip": "198.51.100.20",
        "okta.mfa.deny.countlast[300]": 6,
        "okta.mfa.failure.countlast[300]": 6,
        "okta.reason": "INVALID_CREDENTIALS",
        "okta.target.app.alternateid": "payroll",
        "okta.target.group.name": "Admins",
        "okta.target.user.name": "Sam Example",
    },
    "github": {
        "github.collaborator.name": "sam",
        "github.collaborator.role": "admin",
        "github.diff.committed_secrets.desc": "AWS key",
        "github.diff.committed_secrets.files": "a.env",
        "github.diff.committed_secrets.lines": "3",
        "github.diff.committed_secrets.links": "https://github.com/example/a/blob/x/a.env#L3",
        "github.org": "example",
        "github.owner": "example",
        "github.repo.name": "billing",
        "github.repo.url": "https://github.com/example/billing",
        "github.user": "jane-doe",
        "github.webhook.id": "77",
        "github.webhook.type": "Repository",
        "github.workflow.filename": ".github/workflows/ci.yml",
    },
    "gcp_auditlog": {
        "gcp.authorizationInfo": "[]",
        "gcp.callerIP": "203.0.113.77",
        "gcp.cloudfunctions.function": "resize",
        "gcp.cloudsql.databaseId": "example-prod:orders",
        "gcp.location": "europe-west3",
        "gcp.methodName": "storage.buckets.delete",
        "gcp.policyDelta": "{}",
        "gcp.projectId": "example-prod",
        "gcp.request": "{}",
        "gcp.serviceName": "iam.googleapis.com",
        "gcp.storage.bucket": "example-invoices",
        "gcp.user": "jane.doe@example.com",
        "gcp.userAgent": "google-cloud-sdk",
    },
}
FILES = ("/etc/shadow", "10.42.1.23:41522->203.0.113.50:4444", "0.0.0.0:80", "<NA>")


@dataclass(frozen=True)
class Rule:
    """A rule as its file has it: the fields of its output in the order they are written."""

    name: str
    source: str
    priority: str
    tags: tuple[str, ...]
    fields: tuple[str, ...]


def rules(folder: str) -> list[Rule]:
    """Read every rule with an output in the YAML files below a folder, each name once."""
    found: dict[str, Rule] = {}
    for path in sorted(Path(folder).rglob("*.yaml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        for item in document if isinstance(document, list) else ():
            if isinstance(item, dict) and "rule" in item and "output" in item:
                found.setdefault(item["rule"], _rule(item))
    return list(found.values())


def _rule(item: dict[str, Any]) -> Rule:
    priority = str(item["priority"]).upper()
    source = item.get("source", "syscall")
    named = _FIELD.findall(item["output"])
    return Rule(
        name=item["rule"],
        source=source,
        priority=_PRIORITIES.get(priority, priority.capitalize()),
        tags=tuple(sorted(set(item.get("tags", [])))),
        fields=tuple(dict.fromkeys([*named, *(SUGGESTED if source == "syscall" else ())])),
    )


def alerts(rule: Rule) -> list[dict[str, Any]]:
    """Return alerts of a rule: with every field known, with none, and with what Falco prints.

    Where a rule names a file descriptor there is one alert for each kind of it.
    """
    values = FIELDS.get(rule.source, {})
    known = {name: values.get(name, f"value of {name}") for name in rule.fields}
    unknown: list[dict[str, Any]] = [dict.fromkeys(rule.fields), dict.fromkeys(rule.fields, "<NA>")]
    descriptors = [{**known, "fd.name": name} for name in FILES if "fd.name" in known]
    return [alert(rule, fields) for fields in (known, *unknown, *descriptors)]


def alert(rule: Rule, fields: dict[str, Any]) -> dict[str, Any]:
    """Return one alert of a rule as Falco prints it, with these output fields."""
    return {
        "hostname": "worker-2",
        "output": f"09:47:21.123456789: {rule.priority} {rule.name}",
        "output_fields": dict(sorted({**fields, "evt.time": 1786960041123456789}.items())),
        "priority": rule.priority,
        "rule": rule.name,
        "source": rule.source,
        "tags": list(rule.tags),
        "time": "2026-08-17T09:47:21.123456789Z",
    }
