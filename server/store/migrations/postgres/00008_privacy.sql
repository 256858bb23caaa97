-- +goose Up
-- Who has looked through which camera, and when. Rows are only added.
CREATE TABLE accesses (
    seq            BIGINT PRIMARY KEY,
    at             BIGINT NOT NULL,
    camera_id      TEXT COLLATE "C" NOT NULL,
    station_id     TEXT COLLATE "C" NOT NULL,
    principal_id   TEXT NOT NULL,
    principal_name TEXT NOT NULL,
    principal_kind TEXT NOT NULL
);
CREATE INDEX accesses_camera ON accesses (camera_id, seq);

-- What was deleted; every entry is signed and names the one before it. Rows are
-- only added, and outlive the records that they are about.
CREATE TABLE deletions (
    seq           BIGINT PRIMARY KEY,
    at            BIGINT NOT NULL,
    reason        TEXT NOT NULL,
    object_key    TEXT COLLATE "C" NOT NULL,
    sha256        TEXT NOT NULL,
    inspection_id TEXT COLLATE "C" NOT NULL,
    ordinal       BIGINT NOT NULL,
    previous      TEXT NOT NULL,
    key_id        TEXT NOT NULL,
    hash          TEXT NOT NULL,
    signature     TEXT NOT NULL
);
CREATE INDEX deletions_inspection ON deletions (inspection_id, ordinal);

-- The public keys that have signed them.
CREATE TABLE deletion_keys (
    id         TEXT COLLATE "C" PRIMARY KEY,
    public_key TEXT NOT NULL
);

-- +goose Down
DROP TABLE deletion_keys;
DROP TABLE deletions;
DROP TABLE accesses;
