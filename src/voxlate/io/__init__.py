"""Files in, files out: readers and writers behind one geometry gate."""
