"""The fault catalogue: what is broken on purpose, which test must find it, and what its message must say."""
