"""Body model, template and pose prior."""
