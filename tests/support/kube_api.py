"""A small Kubernetes API server on loopback, for the real kubectl.

It behaves as one where the examples depend on it: `stringData` is moved into `data` and never
returned, a patch that changes nothing leaves the resource version, a change of a Deployment's pod
template is a new generation and a roll-out. Namespaces, Secrets and Deployments are all it has.
"""

from __future__ import annotations

import base64
import copy
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from falcoport.json_types import Json


_CORE, _APPS = "/api/v1", "/apis/apps/v1"
_KINDS = {
    "namespaces": ("Namespace", "v1", _CORE, False),
    "secrets": ("Secret", "v1", _CORE, True),
    "deployments": ("Deployment", "apps/v1", _APPS, True),
}
_MANAGED = ("uid", "resourceVersion", "creationTimestamp", "generation")
_VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


class Cluster:
    """What the API server holds, by plural, namespace and name; and what was done to it."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Json] = {}
        self.writes: list[tuple[str, str, str]] = []
        """Each request that changed something: its verb, plural and name."""
        self.on_rollout: Callable[[Json], None] = lambda _deployment: None
        self.lock = threading.RLock()
        self._version = 100

    def add_deployment(self, namespace: str, name: str, release: str) -> None:
        """Add a Falcosidekick as either chart makes it."""
        labels = {
            "app.kubernetes.io/name": "falcosidekick",
            "app.kubernetes.io/instance": release,
            "app.kubernetes.io/component": "core",
        }
        spec = {
            "replicas": 2,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "falcosidekick", "image": "x"}]},
            },
        }
        body = {"metadata": {"name": name, "namespace": namespace, "labels": labels}, "spec": spec}
        self.create("deployments", namespace, body)
        self.writes.clear()

    def secret(self, namespace: str, name: str) -> dict[str, str]:
        """Return a Secret's decoded values."""
        data = self.objects["secrets", namespace, name].get("data", {})
        return {key: base64.b64decode(value).decode() for key, value in data.items()}

    def restarts(self, namespace: str, name: str) -> int:
        """Return how often a Deployment rolled out since it was created."""
        generation: int = self.objects["deployments", namespace, name]["metadata"]["generation"]
        return generation - 1

    def create(self, plural: str, namespace: str, body: Json) -> Json:
        kind, version, _, _ = _KINDS[plural]
        name = body["metadata"]["name"]
        stored = _server_side({**body, "kind": kind, "apiVersion": version})
        meta = stored["metadata"]
        if namespace:
            meta["namespace"] = namespace
        meta |= {
            "uid": f"uid-{self._next()}",
            "resourceVersion": str(self._version),
            "creationTimestamp": "2026-08-17T09:00:00Z",
        }
        if plural == "deployments":
            meta["generation"] = 1
            _finish_rollout(stored)
        self.objects[plural, namespace, name] = stored
        self.writes.append(("create", plural, name))
        return stored

    def replace(self, plural: str, namespace: str, name: str, changed: Json) -> Json:
        old = self.objects[plural, namespace, name]
        changed = _server_side(changed)
        # What the server keeps itself, no client changes.
        changed["metadata"] |= {k: v for k, v in old["metadata"].items() if k in _MANAGED}
        if changed == old:
            return old
        changed["metadata"]["resourceVersion"] = str(self._next())
        rolled = plural == "deployments" and changed["spec"] != old["spec"]
        if rolled:
            changed["metadata"]["generation"] = old["metadata"]["generation"] + 1
            _finish_rollout(changed)
        self.objects[plural, namespace, name] = changed
        self.writes.append(("patch", plural, name))
        if rolled:
            self.on_rollout(changed)
        return changed

    def _next(self) -> int:
        self._version += 1
        return self._version


def _server_side(body: Json) -> Json:
    """Return an object as the server stores it: `stringData` is only for writing."""
    stored = copy.deepcopy(body)
    texts = stored.pop("stringData", None)
    if texts:
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        stored["data"] = {**stored.get("data", {}), **encoded}
    for value in (stored.get("data") or {}).values() if stored["kind"] == "Secret" else ():
        base64.b64decode(value, validate=True)
    return stored


def _finish_rollout(deployment: Json) -> None:
    replicas = deployment["spec"].get("replicas", 1)
    counts = dict.fromkeys(
        ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), replicas
    )
    deployment["status"] = {
        "observedGeneration": deployment["metadata"]["generation"],
        **counts,
        "conditions": [{"type": "Available", "status": "True"}],
    }


def _merge(old: Any, patch: Any) -> Any:
    """Apply a merge patch; the objects here have no list that a strategic one would merge."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif not key.startswith("$"):
            merged[key] = _merge(merged.get(key), value)
    return merged


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cluster: Cluster
    stopping: threading.Event

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        document = _discovery(parts.path)
        if document is not None:
            self._answer(200, document)
            return
        found = self._located(parts.path)
        if found is None:
            self._status(404, "NotFound", parts.path)
            return
        plural, namespace, name = found
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if name:
            stored = self.cluster.objects.get(found)
            if stored is None:
                self._status(404, "NotFound", f'{plural} "{name}" not found')
            else:
                self._answer(200, stored)
        elif query.get("watch") in ("1", "true"):
            self._watch()
        else:
            self._list(plural, namespace, query)

    def do_POST(self) -> None:
        found = self._located(urlsplit(self.path).path)
        assert found is not None
        plural, namespace, _ = found
        body = self._body()
        with self.cluster.lock:
            if (plural, namespace, body["metadata"]["name"]) in self.cluster.objects:
                self._status(409, "AlreadyExists", body["metadata"]["name"])
            else:
                self._answer(201, self.cluster.create(plural, namespace, body))

    def do_PATCH(self) -> None:
        found = self._located(urlsplit(self.path).path)
        assert found is not None
        kind = self.headers["Content-Type"]
        assert "merge-patch" in kind or "apply-patch" in kind, kind
        with self.cluster.lock:
            # Server-side apply sends YAML, which JSON is too.
            patch = yaml.safe_load(self._raw_body())
            if found not in self.cluster.objects:
                self._status(404, "NotFound", found[2])
                return
            changed = _merge(copy.deepcopy(self.cluster.objects[found]), patch)
            self._answer(200, self.cluster.replace(*found, changed))

    def log_message(self, *_arguments: Any) -> None:
        pass

    def _located(self, path: str) -> tuple[str, str, str] | None:
        for plural, (_, _, prefix, namespaced) in _KINDS.items():
            words = path.removeprefix(prefix).strip("/").split("/")
            if not path.startswith(prefix + "/"):
                continue
            if namespaced and words[0] == "namespaces" and len(words) > 2:
                if words[2] == plural:
                    return plural, words[1], words[3] if len(words) > 3 else ""
            elif not namespaced and words[0] == plural and len(words) < 3:
                return plural, "", words[1] if len(words) > 1 else ""
        return None

    def _list(self, plural: str, namespace: str, query: dict[str, str]) -> None:
        kind, version, _, _ = _KINDS[plural]
        wanted = [pair.split("=") for pair in query.get("labelSelector", "").split(",") if pair]
        field = query.get("fieldSelector", "").partition("metadata.name=")[2]
        items = [
            stored
            for (one, place, name), stored in self.cluster.objects.items()
            if (one, place) == (plural, namespace)
            and (not field or name == field)
            and all(stored["metadata"].get("labels", {}).get(k) == v for k, v in wanted)
        ]
        self._answer(
            200,
            {
                "kind": f"{kind}List",
                "apiVersion": version,
                "metadata": {"resourceVersion": "999"},
                "items": items,
            },
        )

    def _watch(self) -> None:
        """Nothing changes while somebody looks: a roll-out is done when its patch is answered."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.stopping.wait(5)

    def _body(self) -> Json:
        body: Json = json.loads(self._raw_body())
        return body

    def _raw_body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def _status(self, code: int, reason: str, message: str) -> None:
        body = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
        self._answer(code, {**body, "reason": reason, "message": message, "code": code})

    def _answer(self, code: int, body: Json) -> None:
        raw = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def _discovery(path: str) -> Json | None:
    """Return what tells kubectl which kinds there are; None for any other path."""
    if path.startswith("/openapi/v3/"):
        return _openapi(path.removeprefix("/openapi/v3"))
    version = {"groupVersion": "apps/v1", "version": "v1"}
    group = {"name": "apps", "versions": [version], "preferredVersion": version}
    urls = {one.strip("/"): {"serverRelativeURL": f"/openapi/v3{one}"} for one in (_CORE, _APPS)}
    documents: dict[str, Json] = {
        "/version": {"major": "1", "minor": "32", "gitVersion": "v1.32.4"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]},
        "/openapi/v3": {"paths": urls},
        _CORE: _resources(_CORE, "v1"),
        _APPS: _resources(_APPS, "apps/v1"),
    }
    return documents.get(path)


def _resources(prefix: str, version: str) -> Json:
    resources = [
        {
            "name": plural,
            "singularName": kind.lower(),
            "namespaced": namespaced,
            "kind": kind,
            "verbs": _VERBS,
        }
        for plural, (kind, _, own, namespaced) in _KINDS.items()
        if own == prefix
    ]
    return {"kind": "APIResourceList", "groupVersion": version, "resources": resources}


def _openapi(prefix: str) -> Json:
    """Return as much of a group's document as tells kubectl that the server checks the fields."""
    paths = {}
    for plural, (kind, version, own, namespaced) in _KINDS.items():
        group, _, number = version.rpartition("/")
        middle = "/namespaces/{namespace}" if namespaced else ""
        if own == prefix:
            paths[f"{own}{middle}/{plural}/{{name}}"] = {
                "patch": {
                    "parameters": [{"name": "fieldValidation", "in": "query"}],
                    "x-kubernetes-group-version-kind": {
                        "group": group,
                        "version": number,
                        "kind": kind,
                    },
                    "responses": {},
                }
            }
    info = {"title": "Kubernetes", "version": "v1.32.4"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": {}}}


@contextmanager
def run_cluster(kubeconfig: Path) -> Iterator[Cluster]:
    """Run an API server and write a kubeconfig for it; give what it holds."""
    cluster, stopping = Cluster(), threading.Event()
    handler = type("Handler", (_Handler,), {"cluster": cluster, "stopping": stopping})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "clusters": [
            {"name": "test", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
        ],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "users": [{"name": "test", "user": {}}],
    }
    kubeconfig.write_text(json.dumps(config), encoding="utf-8")
    try:
        yield cluster
    finally:
        stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()
