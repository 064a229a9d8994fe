"""The sides of a reconciliation from what is live: the hub's own ledger, and the systems of the map that can list."""
