"""The Parquet tables of a run, and where each of a run's files lies."""
