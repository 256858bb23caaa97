-- +goose Up
-- What a verdict rested on beside the five classes listed, as JSON, so that a
-- deposit can be judged again; NULL in records from before.
ALTER TABLE inspections ADD COLUMN reading TEXT;

-- +goose Down
ALTER TABLE inspections DROP COLUMN reading;
