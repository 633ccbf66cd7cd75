"""JQ for the namespace that an alert belongs to, and reading back what the options wrote.

Writing and reading are inverse: `read_own_namespace(with_own_namespace(tagged, clusters))` gives
the clusters again, and anything that none of the options writes is read as None. Pure.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from falcoport.mapping.alert_fields import (
    CLUSTER_FROM_URL,
    OWN_NAMESPACE,
    check_cluster_name,
    cluster_literal,
)


@dataclass(frozen=True)
class Clusters:
    """The clusters whose alerts one webhook gets.

    With one name, the mapping holds it. With several, each cluster's Falcosidekick names itself in
    the webhook's URL (`?cluster=NAME`), which Port hands to the mapping as `.queryParams` (Port
    docs, "Webhook"); the mapping then says nothing of which clusters there are, so that adding one
    changes nothing in Port. None at all: alerts are related by their tags alone.
    """

    names: tuple[str, ...] = ()
    from_url: bool = False

    @classmethod
    def named(cls, names: tuple[str, ...]) -> Clusters:
        """Return the clusters of these names. Raise OptionValueError for one Port would refuse."""
        for name in names:
            check_cluster_name(name)
        return cls(names, from_url=len(names) > 1)

    @property
    def jq(self) -> str | None:
        """JQ for the cluster of an alert; None where there is no cluster to name."""
        if self.from_url:
            return CLUSTER_FROM_URL
        return cluster_literal(self.names[0]) if self.names else None


NO_CLUSTER = Clusters()
_LITERAL = re.compile(r'then \. \+ "-([A-Za-z0-9@_.+:=-]+)" else null end\)\Z')
_LITERAL_MANY = re.compile(r'\| \. \+ "-([A-Za-z0-9@_.+:=-]+)"\] end\Z')


def with_own_namespace(tagged: str, clusters: Clusters, *, many: bool = False) -> str:
    """Return JQ for an alert's namespace: that of `tagged`, else the one the alert happened in.

    `tagged` is JQ for what the tags say, a list with `many`. The alert's own namespace becomes
    `<namespace>-<cluster>`, as Port's Kubernetes exporter names it; one that begins with `kube`,
    which the exporter passes over, becomes null, and so does one whose cluster is not known.
    """
    if clusters.from_url:
        own = _from_url()
        if many:
            return (
                f"({tagged}) as $tagged | if ($tagged | length) > 0 then $tagged "
                f"else [{own} | strings] end"
            )
        return f"({tagged}) // ({own})"
    if not clusters.names:
        return tagged
    suffix = json.dumps(f"-{clusters.names[0]}")
    if many:
        own = (
            f'[{OWN_NAMESPACE} | select(type == "string" and (startswith("kube") | not)) '
            f"| . + {suffix}]"
        )
        return f"({tagged}) as $tagged | if ($tagged | length) > 0 then $tagged else {own} end"
    own = (
        f'({OWN_NAMESPACE}) | if type == "string" and (startswith("kube") | not) '
        f"then . + {suffix} else null end"
    )
    return f"({tagged}) // ({own})"


def _from_url() -> str:
    # A parameter that is given twice comes as a list: then nobody can tell which one is meant.
    return (
        f"({OWN_NAMESPACE}) as $namespace | ({CLUSTER_FROM_URL}) as $cluster "
        '| if $namespace and ($cluster | type) == "string" and $cluster != "" '
        'and ($namespace | startswith("kube") | not) '
        'then $namespace + "-" + $cluster else null end'
    )


def read_own_namespace(text: object, tagged: str, *, many: bool = False) -> Clusters | None:
    """Return the clusters that `with_own_namespace` wrote into `text`; None if it did not."""
    if not isinstance(text, str):
        return None
    found = (_LITERAL_MANY if many else _LITERAL).search(text)
    candidates = [NO_CLUSTER, Clusters(from_url=True)]
    if found is not None:
        candidates.append(Clusters((found[1],)))
    return next(
        (one for one in candidates if with_own_namespace(tagged, one, many=many) == text), None
    )
