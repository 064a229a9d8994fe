"""Void-and-reissue, the only repair of an orphan: plan, approve, run, report."""
