-- +goose Up
-- A station whose cameras an agent on the spot runs, and not the server.
ALTER TABLE stations ADD COLUMN agent BOOLEAN NOT NULL DEFAULT FALSE;

-- What a server knows of stations' agents: the sequence of the bundle and the
-- digest of what is in it, and the agent's last report.
CREATE TABLE agents (
    station_id TEXT PRIMARY KEY REFERENCES stations (id),
    sequence   BIGINT NOT NULL,
    digest     TEXT NOT NULL,
    made_at    BIGINT NOT NULL,
    seen_at    BIGINT,
    report     TEXT
);

-- The inspections that an agent handed in.
CREATE TABLE relayed (
    inspection_id TEXT PRIMARY KEY REFERENCES inspections (id),
    digest        TEXT NOT NULL,
    revision      BIGINT NOT NULL,
    -- The server's clock less the station's, in microseconds.
    clock_offset  BIGINT NOT NULL,
    handed_at     BIGINT NOT NULL
);

-- At a station: what its agent hands in. Acknowledged is the last revision
-- that the server has, 0 for none.
CREATE TABLE outbox (
    inspection_id   TEXT PRIMARY KEY REFERENCES inspections (id),
    seq             BIGINT NOT NULL,
    flagged         BOOLEAN NOT NULL,
    revision        BIGINT NOT NULL,
    acknowledged    BIGINT NOT NULL DEFAULT 0,
    acknowledged_at BIGINT,
    -- The clock when it was stored: the boot, the wall clock less the time
    -- since it and the server's clock less the wall clock (NULL: not known),
    -- both in microseconds.
    boot            TEXT NOT NULL,
    base            BIGINT NOT NULL,
    skew            BIGINT,
    -- Why the server refused it, and when it is tried again.
    refused         TEXT NOT NULL DEFAULT '',
    retry_at        BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX outbox_waiting ON outbox (flagged, seq) WHERE revision > acknowledged;
CREATE INDEX outbox_done ON outbox (acknowledged_at) WHERE revision <= acknowledged;

-- +goose Down
DROP TABLE outbox;
DROP TABLE relayed;
DROP TABLE agents;
ALTER TABLE stations DROP COLUMN agent;
