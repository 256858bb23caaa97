-- +goose Up
-- What the bin side was told of a deposit, and how it ended. At most one a
-- deposit, for ever.
CREATE TABLE prompts (
    inspection_id TEXT PRIMARY KEY REFERENCES inspections (id),
    station_id    TEXT NOT NULL,
    state         TEXT NOT NULL,
    -- Why it was withheld, or by what means it was corrected.
    means         TEXT NOT NULL,
    receipt       TEXT NOT NULL,
    opened_at     BIGINT NOT NULL,
    until_at      BIGINT NOT NULL,
    ended_at      BIGINT
);
CREATE INDEX prompts_open ON prompts (until_at) WHERE state = 'open';
CREATE INDEX prompts_station ON prompts (station_id, opened_at);
CREATE UNIQUE INDEX prompts_receipt ON prompts (receipt) WHERE receipt <> '';

-- +goose Down
DROP TABLE prompts;
