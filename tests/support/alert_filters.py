"""What a filter says of an alert without jq, to compare the JQ of options with."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from falcoport.falco.priorities import PRIORITIES
from falcoport.mapping.alert_fields import find_namespace
from falcoport.mapping.filter_expressions import AlertFilter, _glob_regex, check_filter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def make_predicate(chosen: AlertFilter) -> Callable[[Mapping[str, Any]], bool]:
    """Return a function that tells whether an alert, as Falcosidekick posts it, passes.

    The same as what `write_filter` gives to jq, for counting without it.
    Raise OptionValueError as `check_filter` does.
    """
    checked = check_filter(chosen)
    priorities = (
        frozenset(PRIORITIES[: PRIORITIES.index(checked.min_priority) + 1])
        if checked.min_priority
        else None
    )
    only_rules, skip_rules = _matcher(checked.only_rules), _matcher(checked.skip_rules)
    only_spaces = _matcher(checked.only_namespaces)
    skip_spaces = _matcher(checked.skip_namespaces)

    def passes(body: Mapping[str, Any]) -> bool:
        rule = str(body.get("rule"))
        namespace = find_namespace(body.get("output_fields") or {})
        return (
            (priorities is None or body.get("priority") in priorities)
            and (only_rules is None or only_rules(rule))
            and (skip_rules is None or not skip_rules(rule))
            and (only_spaces is None or only_spaces(namespace))
            and (skip_spaces is None or not skip_spaces(namespace))
        )

    return passes


def _matcher(globs: tuple[str, ...]) -> Callable[[str], bool] | None:
    if not globs:
        return None
    pattern = re.compile("|".join(f"(?:{_glob_regex(glob)})" for glob in globs))
    # There are as many rules and namespaces as a cluster has: each is compared once.
    return lru_cache(maxsize=4096)(lambda name: pattern.fullmatch(name) is not None)
