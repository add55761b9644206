"""The runner for your own clouds without Snakemake: which clouds, what is done and what is left."""
