"""Hostile load: strangers who do all that the services' doors and topics let them, beside callers who behave.

`just hostile [MINUTES] [SEED]` runs it; the same seed draws the same attacks and the same additions. Theory of
operation: a system of its own is warmed up, then watched for a while with healthy load alone, then with hostile load
beside it, and once more when the strangers are gone. What is promised: memory comes back, healthy calls stay quick,
nothing is lost or doubled, and every part is ready at the end.
"""
