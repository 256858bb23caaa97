-- +goose Up
-- What is known of the MQTT devices, by their tokens: the connections that they
-- have and the latest one of them, how that ended, and what they say of
-- themselves.
CREATE TABLE mqtt_devices (
    token_id    TEXT PRIMARY KEY REFERENCES tokens (id),
    connections BIGINT NOT NULL,
    client_id   TEXT NOT NULL,
    address     TEXT NOT NULL,
    since       BIGINT NOT NULL,
    seen_at     BIGINT NOT NULL,
    will        BOOLEAN NOT NULL,
    parting     TEXT NOT NULL,
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL
);

-- When the devices of durable MQTT sessions were last there.
CREATE TABLE mqtt_sessions (
    client_id TEXT PRIMARY KEY,
    seen_at   BIGINT NOT NULL
);

-- +goose Down
DROP TABLE mqtt_sessions;
DROP TABLE mqtt_devices;
