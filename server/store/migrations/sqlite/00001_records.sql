-- +goose Up
-- Times are microseconds since 1970 in UTC. Names and ids compare bytewise.
CREATE TABLE stations (
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    region_path TEXT NOT NULL,
    time_zone   TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
CREATE INDEX stations_region ON stations (region_path);

CREATE TABLE bins (
    id         TEXT PRIMARY KEY,
    station_id TEXT NOT NULL REFERENCES stations (id),
    name       TEXT NOT NULL,
    accepts    TEXT NOT NULL,
    thresholds TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX bins_station ON bins (station_id, id);

CREATE TABLE cameras (
    id         TEXT PRIMARY KEY,
    station_id TEXT NOT NULL REFERENCES stations (id),
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL,
    url        TEXT NOT NULL,
    enabled    BOOLEAN NOT NULL,
    regions    TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX cameras_station ON cameras (station_id, id);

-- One row a sequence: updating it locks it until the commit, so that numbers
-- become visible in their order, which a PostgreSQL sequence does not promise.
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('inspection', 0);

-- An inspection outlives its station, bin and camera: no foreign keys.
CREATE TABLE inspections (
    seq              INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    station_id       TEXT NOT NULL,
    bin_id           TEXT NOT NULL,
    camera_id        TEXT NOT NULL,
    source           TEXT NOT NULL,
    captured_at      BIGINT NOT NULL,
    received_at      BIGINT NOT NULL,
    decided_at       BIGINT NOT NULL,
    verdict          TEXT NOT NULL,
    reason           TEXT NOT NULL,
    category         TEXT NOT NULL,
    item_class       TEXT NOT NULL,
    confidence       DOUBLE PRECISION NOT NULL,
    categories       TEXT NOT NULL,
    classes          TEXT NOT NULL,
    accepts          TEXT NOT NULL,
    model_version    TEXT NOT NULL,
    taxonomy_version TEXT NOT NULL,
    rule_version     TEXT NOT NULL,
    sampled          BOOLEAN NOT NULL,
    -- How many reviews there are, and so the ordinal of the latest.
    reviews          INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX inspections_station ON inspections (station_id, seq);
CREATE INDEX inspections_bin ON inspections (bin_id, seq);
CREATE INDEX inspections_verdict ON inspections (verdict, seq);
CREATE INDEX inspections_captured ON inspections (captured_at, station_id, bin_id, verdict);
CREATE INDEX inspections_unreviewed ON inspections (verdict, seq) WHERE reviews = 0;

CREATE TABLE evidence (
    inspection_id TEXT NOT NULL REFERENCES inspections (id),
    ordinal       INTEGER NOT NULL,
    object_key    TEXT NOT NULL,
    sha256        TEXT NOT NULL,
    bytes         BIGINT NOT NULL,
    width         INTEGER NOT NULL,
    height        INTEGER NOT NULL,
    item          TEXT,
    -- NULL: kept for ever.
    expires_at    BIGINT,
    deleted_at    BIGINT,
    PRIMARY KEY (inspection_id, ordinal)
);
CREATE INDEX evidence_due ON evidence (expires_at) WHERE deleted_at IS NULL;

CREATE TABLE reviews (
    inspection_id TEXT NOT NULL REFERENCES inspections (id),
    ordinal       INTEGER NOT NULL,
    decision      TEXT NOT NULL,
    category      TEXT NOT NULL,
    item_class    TEXT NOT NULL,
    decided_by    TEXT NOT NULL,
    decided_at    BIGINT NOT NULL,
    PRIMARY KEY (inspection_id, ordinal)
);

-- A sample outlives the deposit that it came from.
CREATE TABLE samples (
    id          TEXT PRIMARY KEY,
    category    TEXT NOT NULL,
    item_class  TEXT NOT NULL,
    source      TEXT NOT NULL,
    deposit_id  TEXT NOT NULL,
    station_id  TEXT NOT NULL,
    captured_at BIGINT NOT NULL,
    labelled_by TEXT NOT NULL,
    labelled_at BIGINT NOT NULL,
    width       INTEGER NOT NULL,
    height      INTEGER NOT NULL,
    object_key  TEXT NOT NULL
);
CREATE INDEX samples_labelled ON samples (labelled_at, id);
CREATE INDEX samples_category ON samples (category, item_class, labelled_at, id);

CREATE TABLE idempotency (
    bin_id       TEXT NOT NULL,
    client_key   TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    deposit_id   TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (bin_id, client_key)
);
CREATE INDEX idempotency_created ON idempotency (created_at);

CREATE TABLE tokens (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    scopes       TEXT NOT NULL,
    hash         TEXT NOT NULL UNIQUE,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT,
    last_used_at BIGINT
);

CREATE TABLE sessions (
    hash       TEXT PRIMARY KEY,
    user_name  TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE links (
    hash       TEXT PRIMARY KEY,
    user_name  TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT
);

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- +goose Down
DROP TABLE settings;
DROP TABLE links;
DROP TABLE sessions;
DROP TABLE tokens;
DROP TABLE idempotency;
DROP TABLE samples;
DROP TABLE reviews;
DROP TABLE evidence;
DROP TABLE inspections;
DROP TABLE counters;
DROP TABLE cameras;
DROP TABLE bins;
DROP TABLE stations;
