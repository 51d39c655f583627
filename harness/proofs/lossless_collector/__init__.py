"""Proves that the stack's collector starts with any damaged queue, and sends every span on."""
