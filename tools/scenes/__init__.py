"""Simulated recordings of whole scenes: the classifier of sshmr/people is trained and measured on them."""
