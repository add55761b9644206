"""Finding people in whole scenes and tracking them from frame to frame."""
