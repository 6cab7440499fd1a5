"""gomill's control files, records, reports and state, and gomill itself."""
