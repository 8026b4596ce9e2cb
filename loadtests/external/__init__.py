"""Programs that are not ours: k6, which runs our scripts, and ghz, which measures the same beside us."""
