"""Messages: every event on its way over one hop, until it is confirmed or explained."""
