"""The tables of the database, and how a file of an older version becomes one of this version."""

from __future__ import annotations

import sqlite3

LAYOUT = "3"
"""The version of the tables below."""

_TABLES_2 = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE token(client TEXT PRIMARY KEY, token TEXT NOT NULL UNIQUE, expires REAL NOT NULL);
CREATE TABLE blueprint(
    key INTEGER PRIMARY KEY AUTOINCREMENT, identifier TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL, slots TEXT NOT NULL);
CREATE TABLE migration(
    key INTEGER PRIMARY KEY AUTOINCREMENT, identifier TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL);
CREATE TABLE entity(
    key INTEGER PRIMARY KEY AUTOINCREMENT, blueprint INTEGER NOT NULL, identifier TEXT NOT NULL,
    document TEXT NOT NULL, UNIQUE(blueprint, identifier));
CREATE INDEX entity_by_age ON entity(blueprint, key);
CREATE TABLE relation(
    source INTEGER NOT NULL, slot TEXT NOT NULL, position INTEGER NOT NULL,
    target INTEGER NOT NULL, PRIMARY KEY(source, slot, position)) WITHOUT ROWID;
CREATE INDEX relation_by_target ON relation(target);
CREATE TABLE webhook(
    key INTEGER PRIMARY KEY AUTOINCREMENT, identifier TEXT NOT NULL UNIQUE,
    address TEXT NOT NULL UNIQUE, document TEXT NOT NULL);
CREATE TABLE event(
    key INTEGER PRIMARY KEY AUTOINCREMENT, webhook INTEGER NOT NULL, received TEXT NOT NULL,
    state TEXT NOT NULL, payload TEXT, result TEXT);
CREATE INDEX event_by_state ON event(state);
CREATE TABLE handled(
    webhook INTEGER NOT NULL, request TEXT NOT NULL, PRIMARY KEY(webhook, request)) WITHOUT ROWID;
"""

# What version 3 brought: resources beside the catalog, the audit log, runs and timers.
_TABLES_3 = """
CREATE TABLE resource(
    key INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, scope INTEGER NOT NULL,
    identifier TEXT NOT NULL, blueprint INTEGER, document TEXT NOT NULL,
    UNIQUE(kind, scope, identifier));
CREATE INDEX resource_by_blueprint ON resource(blueprint) WHERE blueprint IS NOT NULL;
CREATE TABLE audit(
    key INTEGER PRIMARY KEY, at TEXT NOT NULL, resource TEXT NOT NULL,
    action TEXT NOT NULL, status TEXT NOT NULL, identifier TEXT NOT NULL, blueprint TEXT,
    entity INTEGER, webhook INTEGER, event INTEGER, run TEXT, author TEXT NOT NULL,
    origin TEXT NOT NULL, message TEXT, before TEXT, after TEXT);
CREATE INDEX audit_by_entity ON audit(entity) WHERE entity IS NOT NULL AND action <> 'CREATE';
CREATE INDEX audit_failures ON audit(webhook) WHERE status = 'FAILURE';
CREATE TABLE run(
    key INTEGER PRIMARY KEY AUTOINCREMENT, identifier TEXT NOT NULL UNIQUE, action TEXT NOT NULL,
    blueprint TEXT, entity TEXT, state TEXT NOT NULL, document TEXT NOT NULL);
CREATE INDEX run_by_action ON run(action);
CREATE INDEX run_waiting ON run(state) WHERE state <> 'done';
CREATE TABLE run_log(
    key INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL, document TEXT NOT NULL);
CREATE INDEX run_log_by_run ON run_log(run);
CREATE TABLE trigger_event(
    key INTEGER PRIMARY KEY AUTOINCREMENT, action INTEGER NOT NULL, document TEXT NOT NULL);
CREATE TABLE timer(
    entity INTEGER NOT NULL, slot TEXT NOT NULL, due REAL NOT NULL, PRIMARY KEY(entity, slot))
    WITHOUT ROWID;
CREATE INDEX timer_by_due ON timer(due);
"""

_PAGES_TO_RESOURCES = """
INSERT INTO resource(kind, scope, identifier, blueprint, document)
    SELECT 'page', 0, identifier, blueprint, document FROM page;
DROP TABLE page;
"""


def create_tables(connection: sqlite3.Connection) -> None:
    """Fill an empty database with the tables of this version."""
    _run(connection, _TABLES_2 + _TABLES_3)
    connection.execute("INSERT INTO meta VALUES ('layout', ?)", (LAYOUT,))


def upgrade_tables(connection: sqlite3.Connection, version: str) -> None:
    """Bring a database of an older version to this one; raise DatabaseError if that is unknown."""
    if version == LAYOUT:
        return
    if version != "2":
        raise sqlite3.DatabaseError(f"its layout {version} is of another version of falcoport")
    _run(connection, _TABLES_3 + _PAGES_TO_RESOURCES)
    connection.execute("UPDATE meta SET value = ? WHERE key = 'layout'", (LAYOUT,))


def _run(connection: sqlite3.Connection, statements: str) -> None:
    # Not executescript: it would commit the transaction that this is a part of.
    for statement in statements.split(";"):
        connection.execute(statement)
