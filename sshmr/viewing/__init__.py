"""Pictures, animations and the viewer."""
