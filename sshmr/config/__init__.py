"""The settings of every stage: one module per section."""
