"""Causes of a handoff failure, each with the facts that prove it."""
