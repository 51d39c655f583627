"""The agent's one tool: a reading that is made at this moment, so that nobody knows it who does not ask."""

import secrets

UNKNOWN = "atlantis"


def get_weather(city: str) -> str:
    """Return the weather of a city. Raises ValueError for Atlantis, which no station knows."""
    if city.strip().lower() == UNKNOWN:
        raise ValueError(f"No weather station answers for {city}.")
    reading = secrets.token_hex(4).upper()
    return f"{city}: {secrets.randbelow(400) / 10} degrees, reading CL-{reading}"
