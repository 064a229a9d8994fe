"""The verbs of stored value: issue, redeem, void and what follows from them."""
