-- +goose Up
-- How agreed a deposit's frames were and how strange it looked. NULL: from
-- before they were recorded.
ALTER TABLE inspections ADD COLUMN agreement DOUBLE PRECISION;
ALTER TABLE inspections ADD COLUMN strangeness DOUBLE PRECISION;

-- +goose Down
ALTER TABLE inspections DROP COLUMN strangeness;
ALTER TABLE inspections DROP COLUMN agreement;
