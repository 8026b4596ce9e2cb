"""A real cluster whose every part can be started, killed, held and let go, and whose network can be made to fail."""
