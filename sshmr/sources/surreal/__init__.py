"""SURREAL: rendered people in short clips of MATLAB files.

Source: Varol et al., "Learning from Synthetic Humans", CVPR 2017, and the README that comes with the data.
"""
