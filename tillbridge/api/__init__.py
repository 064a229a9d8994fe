"""HTTP for systems: the register, the platform and whoever reports an event."""
