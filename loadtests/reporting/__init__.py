"""What a person sees of runs: the page of one, the table of several, and two side by side."""
