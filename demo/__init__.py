"""The demonstration: the main job on real input, with crashes on the way, on a stack of its own."""
