"""Telemetry: the signals of the services, what they are made with, and what stores and shows them."""
