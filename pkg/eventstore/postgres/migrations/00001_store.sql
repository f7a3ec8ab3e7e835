-- +goose Up
-- Names are compared bytewise (COLLATE "C"), so that every database takes its
-- locks in one order, whatever its locale. Times are microseconds.

CREATE TABLE meta (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- Every unit rewrites the rows of its streams: room on the page lets it do so
-- without touching the index.
CREATE TABLE streams (
    kind      TEXT COLLATE "C" NOT NULL,
    id        TEXT COLLATE "C" NOT NULL,
    version   BIGINT NOT NULL,
    published BIGINT NOT NULL,
    state     BYTEA,
    observed  BYTEA,
    PRIMARY KEY (kind, id)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

CREATE TABLE events (
    kind        TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    version     BIGINT NOT NULL,
    type        TEXT   NOT NULL,
    schema      BIGINT NOT NULL,
    data        BYTEA,
    at          BIGINT NOT NULL,
    correlation TEXT   NOT NULL,
    causation   TEXT   NOT NULL,
    traceparent TEXT   NOT NULL,
    published   BIGINT NOT NULL,
    PRIMARY KEY (kind, id, version)
);

-- seq is a hint for scanning; the identity of a row is (kind, id, version). The
-- sequence must not be cached by connections: rows of one stream would appear
-- out of order. The table is small and always in motion, so it is vacuumed by
-- the number of its dead rows and without a pause.
CREATE TABLE outbox (
    seq     BIGSERIAL NOT NULL,
    kind    TEXT COLLATE "C" NOT NULL,
    id      TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    topic   TEXT   NOT NULL,
    key     TEXT   NOT NULL,
    headers TEXT   NOT NULL,
    value   BYTEA,
    PRIMARY KEY (kind, id, version),
    CONSTRAINT outbox_seq UNIQUE (seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE intents (
    key          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind         TEXT COLLATE "C" NOT NULL,
    stream_kind  TEXT   NOT NULL,
    stream_id    TEXT   NOT NULL,
    payload      BYTEA,
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
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000);

-- An intent can be claimed once it is due and its lease, if any, ran out.
CREATE INDEX intents_claimable ON intents (kind, (greatest(due, leased_until)))
    WHERE state = 'pending';
CREATE INDEX intents_parked ON intents (key) WHERE state = 'parked';

-- A position that moved in between is set below zero, which the constraint
-- refuses: the whole unit fails in the one round trip that writes it.
CREATE TABLE positions (
    topic        TEXT COLLATE "C" NOT NULL,
    partition_id BIGINT NOT NULL,
    topic_id     TEXT   NOT NULL,
    next         BIGINT NOT NULL,
    PRIMARY KEY (topic, partition_id),
    CONSTRAINT positions_compare_and_set CHECK (next >= 0)
) WITH (fillfactor = 50);

-- What is parked was refused for a reason, and may hold bytes that are no text.
CREATE TABLE parked (
    topic         TEXT COLLATE "C" NOT NULL,
    key           BYTEA  NOT NULL,
    partition_id  BIGINT NOT NULL,
    record_offset BIGINT NOT NULL,
    reason        TEXT   NOT NULL,
    at            BIGINT NOT NULL,
    headers       BYTEA  NOT NULL,
    value         BYTEA,
    PRIMARY KEY (topic, key)
);

CREATE TABLE answers (
    key        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    digest     TEXT   NOT NULL,
    status     BIGINT NOT NULL,
    body       BYTEA,
    expires_at BIGINT NOT NULL
);

CREATE INDEX answers_expiry ON answers (expires_at);

CREATE TABLE leases (
    name    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner   TEXT   NOT NULL,
    counter BIGINT NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE relays (
    name            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    batch           BIGINT NOT NULL,
    position_topic  TEXT   NOT NULL,
    position_offset BIGINT NOT NULL
) WITH (fillfactor = 50);

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
