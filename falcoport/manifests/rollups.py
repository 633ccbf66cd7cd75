"""What a file of aggregation properties may hold, but for what falcoport fills in.

From Port's API reference (2026-01): counts, and figures of number properties.
"""

from __future__ import annotations

from falcoport.manifests.schema import SUB_IDENTIFIER
from falcoport.manifests.validation import Anything, Choice, ListOf, MapOf, Object, Text

QUERY = Object(
    {"combinator": Choice(("and", "or")), "rules": ListOf(Anything())},
    required=("combinator", "rules"),
)
ROLLUPS = MapOf(
    SUB_IDENTIFIER,
    Object(
        {
            "title": Text(longest=100, shortest=1),
            "type": Choice(("number",)),
            "icon": Text(),
            "description": Text(),
            "calculationSpec": MapOf(Text(), Text()),
            "query": QUERY,
        },
        required=("title", "type", "calculationSpec"),
    ),
)
