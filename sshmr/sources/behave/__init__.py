"""BEHAVE: people who handle objects, recorded by four calibrated depth cameras.

Source: Bhatnagar et al., "BEHAVE: Dataset and Method for Tracking Human Object Interactions", CVPR 2022, and
the notes that come with the data.
"""
