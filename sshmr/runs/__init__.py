"""One run on disk without Snakemake: which clouds, which tables, what is done and what is left."""
