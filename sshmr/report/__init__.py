"""The report page of a run, and the comparison of two runs."""
