"""Follow one person from frame to frame of a recording, and smooth the motion."""
