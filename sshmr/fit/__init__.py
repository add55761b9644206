"""Registration of the body to a cloud."""
