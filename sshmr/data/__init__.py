"""The Parquet tables and one reader per source."""
