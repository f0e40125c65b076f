"""What a verb does, step by step: lock a folder, run, write."""
