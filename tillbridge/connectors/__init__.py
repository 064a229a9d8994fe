"""Outside products, one file or folder each; none knows another."""
