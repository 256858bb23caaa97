-- +goose Up
-- A camera's own detector thresholds as JSON; NULL for the defaults.
ALTER TABLE cameras ADD COLUMN detector TEXT;

-- +goose Down
ALTER TABLE cameras DROP COLUMN detector;
