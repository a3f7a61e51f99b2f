-- An end that could not be told is told again after a pause, by one process at a time.

ALTER TABLE deployment ADD COLUMN tell_again_at timestamptz;
