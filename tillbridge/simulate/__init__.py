"""A seeded retailer with faults: register, payments, ERP and storefront as real HTTP servers."""
