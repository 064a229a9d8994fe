"""Money: one authoritative double-entry ledger, append-only."""
