"""Finding people in whole scenes and following them from frame to frame."""
