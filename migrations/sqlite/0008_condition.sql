-- Why the run that a due time started came to nothing: its precondition said no. It outlives the run.
ALTER TABLE occurrence ADD COLUMN reason TEXT;
