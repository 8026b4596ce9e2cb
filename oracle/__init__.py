"""The oracle: recomputes the truth from the topic alone, and compares every ledger, REST and the calls with it.

It works as Jepsen checks queues: log every call with its outcome (``history``), drain and read the topic independently
(``reading``), recompute (``truth``), compare (``checks``). An addition that was answered OK must be there, one that was
answered "not committed" must not be there, and any other may be. Its command is ``tally verify --topic``.
"""
