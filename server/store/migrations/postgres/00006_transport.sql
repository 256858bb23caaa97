-- +goose Up
-- How an RTSP camera's packets travel: tcp, udp, or '' for the default.
ALTER TABLE cameras ADD COLUMN transport TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE cameras DROP COLUMN transport;
