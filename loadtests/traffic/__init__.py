"""The load itself: profiles, drawn additions, the calls that send them, and what was measured.

Benches, the soak and tests draw their additions here, too (``additions``). Each sends them in a way of its own, since
what it measures differs: ``operations`` judges every answer and logs its outcome; the load generator of the benches
sends requests that were serialised before the clock starts; the soak goes through the client library; and the callers
of tests log every single try, which the library hides.
"""
