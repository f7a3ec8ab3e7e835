CREATE TABLE payments (
    seq           INTEGER PRIMARY KEY,
    id            TEXT    NOT NULL UNIQUE,
    order_id      TEXT    NOT NULL,
    currency      TEXT    NOT NULL,
    method        TEXT    NOT NULL,
    amount        INTEGER NOT NULL CHECK (amount > 0),
    status        TEXT    NOT NULL,
    authorized    INTEGER NOT NULL CHECK (authorized IN (0, amount)),
    captured      INTEGER NOT NULL CHECK (captured BETWEEN 0 AND authorized),
    refunded      INTEGER NOT NULL CHECK (refunded BETWEEN 0 AND captured),
    confirms      INTEGER NOT NULL,
    captures      INTEGER NOT NULL,
    confirm_tries INTEGER NOT NULL,
    capture_tries INTEGER NOT NULL,
    decline_code  TEXT    NOT NULL,
    cancel_reason TEXT    NOT NULL,
    canceled_at   INTEGER NOT NULL,
    created       INTEGER NOT NULL,
    metadata      TEXT    NOT NULL
);

CREATE TABLE refunds (
    seq        INTEGER PRIMARY KEY,
    id         TEXT    NOT NULL UNIQUE,
    payment_id TEXT    NOT NULL REFERENCES payments (id),
    amount     INTEGER NOT NULL CHECK (amount > 0),
    created    INTEGER NOT NULL,
    metadata   TEXT    NOT NULL
);
CREATE INDEX refunds_of_payment ON refunds (payment_id, seq);

CREATE TABLE answers (
    seq         INTEGER PRIMARY KEY, -- so that the bodies are appended, not sorted in
    key         TEXT    NOT NULL UNIQUE,
    fingerprint BLOB    NOT NULL,
    status      INTEGER NOT NULL,
    body        BLOB    NOT NULL,
    created_ms  INTEGER NOT NULL
);
CREATE INDEX answers_by_age ON answers (created_ms);
