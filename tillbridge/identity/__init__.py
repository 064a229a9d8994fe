"""People: who a credit belongs to, and how that was proven."""
