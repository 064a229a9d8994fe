"""The weekly audit: drift between the three ledgers, and the tickets it opens."""
