"""What the handoffs of a while came to, read for drawing, printing and judging the map. Nothing here writes."""
