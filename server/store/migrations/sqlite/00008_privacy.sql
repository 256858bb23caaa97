-- +goose Up
-- Who has looked through which camera, and when. Rows are only added.
CREATE TABLE accesses (
    seq            BIGINT PRIMARY KEY,
    at             BIGINT NOT NULL,
    camera_id      TEXT NOT NULL,
    station_id     TEXT NOT NULL,
    principal_id   TEXT NOT NULL,
    principal_name TEXT NOT NULL,
    principal_kind TEXT NOT NULL
);
CREATE INDEX accesses_camera ON accesses (camera_id, seq);

-- +goose Down
DROP TABLE accesses;
