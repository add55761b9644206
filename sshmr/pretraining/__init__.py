"""A network trained on synthetic people alone, before it has seen any recording."""
