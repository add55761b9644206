"""Simulated sensors and writers of the source layouts."""
