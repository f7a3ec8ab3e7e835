-- +goose Up
-- A read model in the types that the drivers share; SQLite takes any name.
CREATE TABLE totals (
    id     TEXT   NOT NULL PRIMARY KEY,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    note   BYTEA
);

-- +goose Down
DROP TABLE totals;
