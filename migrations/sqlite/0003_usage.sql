-- What an attempt has used, all its processes together, where somebody counted; nothing otherwise.
ALTER TABLE attempt ADD COLUMN cpu_us INTEGER;
ALTER TABLE attempt ADD COLUMN peak_memory_bytes INTEGER;
ALTER TABLE attempt ADD COLUMN peak_pids INTEGER;
