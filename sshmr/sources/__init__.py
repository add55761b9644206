"""One reader per kind of recording: which shards it has, and its frames turned y up."""
