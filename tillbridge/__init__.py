"""Tillbridge: the hub between a retailer's registers and its online accounts."""
