"""The map: systems, hops, SLAs and transformations of one retailer."""
