"""One page for every result: its template, its tables, what must be read first."""
