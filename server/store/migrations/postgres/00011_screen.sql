-- +goose Up
-- A station's own settings of what is told at its bins, as JSON; NULL follows
-- the service's.
ALTER TABLE stations ADD COLUMN prompts TEXT;
-- When the item was seen to leave the wrong bin, when the prompt was on a
-- screen, when a supervisor first opened an appealed one, and the steps of the
-- way to it, as JSON.
ALTER TABLE prompts ADD COLUMN removed_at BIGINT;
ALTER TABLE prompts ADD COLUMN shown_at BIGINT;
ALTER TABLE prompts ADD COLUMN looked_at BIGINT;
ALTER TABLE prompts ADD COLUMN steps TEXT;

-- +goose Down
ALTER TABLE prompts DROP COLUMN steps;
ALTER TABLE prompts DROP COLUMN looked_at;
ALTER TABLE prompts DROP COLUMN shown_at;
ALTER TABLE prompts DROP COLUMN removed_at;
ALTER TABLE stations DROP COLUMN prompts;
