"""Load tests whose verdict is the truth: `just load`. What judges a run knows nothing of what made the load."""
