"""Plays open-meteo, of which a weather tool without a seed asks the weather."""
