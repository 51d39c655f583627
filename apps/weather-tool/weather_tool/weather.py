"""The weather of a city: a pure function of the city and a seed (the canary a test looks for)."""

import hashlib
import json
from typing import TypedDict

CONDITIONS = ("clear", "cloudy", "foggy", "rainy", "snowy", "stormy", "sunny", "windy")


class Weather(TypedDict):
    """One answer; temperature in degrees Celsius (-5.0..34.9), humidity in percent (0..100)."""

    city: str
    conditions: str
    humidity_percent: int
    station: str
    temperature_celsius: float


def weather(city: str, seed: str) -> Weather:
    """Compute the weather of a city for a seed; case and surrounding blanks of the name do not matter."""
    digest = hashlib.sha256(f"{seed}:{city.strip().lower()}".encode()).hexdigest()
    return {
        "city": city,
        "conditions": CONDITIONS[int(digest[8:10], 16) % 8],
        "humidity_percent": int(digest[4:8], 16) % 101,
        "station": "WX-" + digest[10:18].upper(),
        "temperature_celsius": (int(digest[0:4], 16) % 400 - 50) / 10,
    }


def as_json(answer: Weather) -> str:
    """Write an answer as the tool returns it: JSON with sorted keys."""
    return json.dumps(answer, ensure_ascii=False, sort_keys=True)


def names(listed: str) -> frozenset[str]:
    """Read a comma-separated list of cities, in the form that `weather` compares names."""
    return frozenset(name.strip().lower() for name in listed.split(",") if name.strip())
