"""The settings of every stage: one module a section."""
