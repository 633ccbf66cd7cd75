"""Port's webhook mapping, evaluated with libjq as Port's own integrations do.

How Port treats an expression is taken from its published JQ binding (jq-node-bindings, `lib/jq.js`)
and, where a webhook's own behaviour is not documented, from its integration framework (Ocean,
`jq_entity_processor.py`):

- a `'` at the edge of a word is read as `"`;
- the environment is hidden: `env` and `$ENV` are empty;
- the first output counts; no output means "not sent"; an error means null;
- a filter lets an event through only if it gives exactly `true`;
- an entity whose identifier is null or empty is dropped.

Pure: text and values in, values out. `expressions` reads a mapping's JQ, `evaluator` runs it on an
event, `outcomes` says what came of it, `bodies` does the same for many alerts at once.
"""
