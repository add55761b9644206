"""The Parquet tables of a run, and the paths of a run's files."""
