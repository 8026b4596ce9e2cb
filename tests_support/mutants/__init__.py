"""Mutations: the exactly-once core broken on purpose, and the tests that must notice. `just mutants` tries them all."""
