"""Pages for people: the customer's voucher and claim, and what support and operations look at."""
