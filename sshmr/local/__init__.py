"""The runner for own clouds without Snakemake."""
