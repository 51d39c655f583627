"""Sends traces to the deployed collector at set rates, and measures what becomes of them and their cost."""
