-- +goose Up
-- How a verdict was weighed; records of before have none.
ALTER TABLE inspections ADD COLUMN score DOUBLE PRECISION NOT NULL DEFAULT 0;
ALTER TABLE inspections ADD COLUMN tell_at DOUBLE PRECISION NOT NULL DEFAULT 0;
ALTER TABLE inspections ADD COLUMN miss DOUBLE PRECISION NOT NULL DEFAULT 0;
ALTER TABLE inspections ADD COLUMN pass_at DOUBLE PRECISION NOT NULL DEFAULT 0;
ALTER TABLE inspections ADD COLUMN bound_level TEXT NOT NULL DEFAULT '';
ALTER TABLE inspections ADD COLUMN harm_version TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE inspections DROP COLUMN harm_version;
ALTER TABLE inspections DROP COLUMN bound_level;
ALTER TABLE inspections DROP COLUMN pass_at;
ALTER TABLE inspections DROP COLUMN miss;
ALTER TABLE inspections DROP COLUMN tell_at;
ALTER TABLE inspections DROP COLUMN score;
