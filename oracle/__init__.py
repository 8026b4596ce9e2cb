"""The oracle: recomputes the truth from the topic alone and holds every ledger, REST and the calls against it.

As Jepsen checks queues: log every call with its outcome (``history``), drain and read the topic independently
(``reading``), recompute (``truth``), compare (``checks``). What was answered OK must be there, what was answered "not
committed" must not, the rest may go either way. ``tally verify --topic`` is its command.
"""
