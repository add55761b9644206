"""Registration of the body to a cloud: energy, hypotheses and optimiser apart."""
