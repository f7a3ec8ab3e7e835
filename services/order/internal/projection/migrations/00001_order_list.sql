-- +goose Up
CREATE TABLE order_list (
    order_id   TEXT   NOT NULL PRIMARY KEY,
    status     TEXT   NOT NULL,
    customer   TEXT   NOT NULL,
    currency   TEXT   NOT NULL,
    total      BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX order_list_by_status ON order_list (status, order_id);

-- +goose Down
DROP TABLE order_list;
