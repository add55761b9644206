"""The training of the shipped network on synthetic people."""
