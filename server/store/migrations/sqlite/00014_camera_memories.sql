-- +goose Up
-- What cameras usually show, and whether they could be believed, as their
-- monitors remember it (base64), by a digest of the device that it was.
CREATE TABLE camera_memories (
    camera_id TEXT PRIMARY KEY REFERENCES cameras (id) ON DELETE CASCADE,
    device    TEXT NOT NULL,
    saved_at  BIGINT NOT NULL,
    memory    TEXT NOT NULL
);

-- +goose Down
DROP TABLE camera_memories;
