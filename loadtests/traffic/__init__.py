"""The load itself: profiles, drawn additions, the calls that send them, and what was measured."""
