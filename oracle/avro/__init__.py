"""Avro as the oracle reads it: plain Python, for schemas and bytes that anybody may have written.

fastavro checks schemas for the oracle, but reads no record by them: its readers call themselves for each level of a
value, and take the items of an array one by one, so that some records end the process, and others never end.
"""
