-- +goose Up
-- Types are those that every driver of the port shares: TEXT, BIGINT
-- (microseconds for times) and BLOB.

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE streams (
    kind      TEXT   NOT NULL,
    id        TEXT   NOT NULL,
    version   BIGINT NOT NULL,
    published BIGINT NOT NULL,
    state     BLOB,
    observed  BLOB,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;

CREATE TABLE events (
    kind        TEXT   NOT NULL,
    id          TEXT   NOT NULL,
    version     BIGINT NOT NULL,
    type        TEXT   NOT NULL,
    schema      BIGINT NOT NULL,
    data        BLOB,
    at          BIGINT NOT NULL,
    correlation TEXT   NOT NULL,
    causation   TEXT   NOT NULL,
    traceparent TEXT   NOT NULL,
    published   BIGINT NOT NULL,
    PRIMARY KEY (kind, id, version)
) WITHOUT ROWID;

-- AUTOINCREMENT keeps seq ascending even after the table was emptied; the
-- identity of a row is (kind, id, version) all the same.
CREATE TABLE outbox (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    kind    TEXT   NOT NULL,
    id      TEXT   NOT NULL,
    version BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    topic   TEXT   NOT NULL,
    key     TEXT   NOT NULL,
    headers TEXT   NOT NULL,
    value   BLOB,
    UNIQUE (kind, id, version)
);

CREATE TABLE intents (
    key          TEXT   NOT NULL PRIMARY KEY,
    kind         TEXT   NOT NULL,
    stream_kind  TEXT   NOT NULL,
    stream_id    TEXT   NOT NULL,
    payload      BLOB,
    due          BIGINT NOT NULL,
    at           BIGINT NOT NULL,
    correlation  TEXT   NOT NULL,
    causation    TEXT   NOT NULL,
    traceparent  TEXT   NOT NULL,
    state        TEXT   NOT NULL,
    attempts     BIGINT NOT NULL,
    last_error   TEXT   NOT NULL,
    owner        TEXT   NOT NULL,
    leased_until BIGINT NOT NULL
) WITHOUT ROWID;

-- An intent can be claimed once it is due and its lease, if any, ran out.
CREATE INDEX intents_claimable ON intents (kind, max(due, leased_until))
    WHERE state = 'pending';
CREATE INDEX intents_parked ON intents (key) WHERE state = 'parked';

CREATE TABLE positions (
    topic        TEXT   NOT NULL,
    partition_id BIGINT NOT NULL,
    topic_id     TEXT   NOT NULL,
    next         BIGINT NOT NULL,
    PRIMARY KEY (topic, partition_id)
) WITHOUT ROWID;

CREATE TABLE parked (
    topic         TEXT   NOT NULL,
    key           TEXT   NOT NULL,
    partition_id  BIGINT NOT NULL,
    record_offset BIGINT NOT NULL,
    reason        TEXT   NOT NULL,
    at            BIGINT NOT NULL,
    headers       TEXT   NOT NULL,
    value         BLOB,
    PRIMARY KEY (topic, key)
) WITHOUT ROWID;

CREATE TABLE answers (
    key        TEXT   NOT NULL PRIMARY KEY,
    digest     TEXT   NOT NULL,
    status     BIGINT NOT NULL,
    body       BLOB,
    expires_at BIGINT NOT NULL
) WITHOUT ROWID;

CREATE INDEX answers_expiry ON answers (expires_at);

CREATE TABLE leases (
    name    TEXT   NOT NULL PRIMARY KEY,
    owner   TEXT   NOT NULL,
    counter BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE relays (
    name            TEXT   NOT NULL PRIMARY KEY,
    batch           BIGINT NOT NULL,
    position_topic  TEXT   NOT NULL,
    position_offset BIGINT NOT NULL
) WITHOUT ROWID;

-- +goose Down
DROP TABLE relays;
DROP TABLE leases;
DROP TABLE answers;
DROP TABLE parked;
DROP TABLE positions;
DROP TABLE intents;
DROP TABLE outbox;
DROP TABLE events;
DROP TABLE streams;
DROP TABLE meta;
