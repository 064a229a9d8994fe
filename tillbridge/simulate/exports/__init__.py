"""A retailer's exports with known faults: four sides as CSV, the map they were made on, and the truth beside them."""
