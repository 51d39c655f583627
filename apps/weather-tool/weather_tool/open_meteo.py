"""The weather of a city, asked of open-meteo over HTTP as the public weather tool does.

Two requests: the city's place, then its current weather (https://open-meteo.com/en/docs, geocoding-api).
"""

import asyncio
import json
import os
from typing import Any

import httpx2
from fastmcp.exceptions import ToolError

GEOCODING = "https://geocoding-api.open-meteo.com"
FORECAST = "https://api.open-meteo.com"
TIMEOUT = 10  # seconds, of one request
TRIES = 3
PAUSE = 1.5  # seconds before the second try, twice as long before the third


async def current_weather(city: str) -> str:
    """Return the current weather as JSON, or a sentence where the service does not know the city.

    GEOCODING_URL and FORECAST_URL name other servers. Raises ToolError where it cannot be asked,
    KeyError where its answer lacks the weather.
    """
    places = os.environ.get("GEOCODING_URL", GEOCODING)
    forecast = os.environ.get("FORECAST_URL", FORECAST)
    async with httpx2.AsyncClient(timeout=TIMEOUT) as client:
        try:
            found = await _ask(client, f"{places}/v1/search", {"name": city, "count": "1"})
            if not found.get("results"):
                return f"City {city} not found"
            place = found["results"][0]
            where = {"latitude": str(place["latitude"]), "longitude": str(place["longitude"])}
            answer = await _ask(client, f"{forecast}/v1/forecast", {**where, "current_weather": "true"})
        except httpx2.HTTPError as error:
            raise ToolError(f"Weather service temporarily unavailable for {city}") from error
    return json.dumps(answer["current_weather"])


async def _ask(client: httpx2.AsyncClient, url: str, query: dict[str, str]) -> dict[str, Any]:
    for attempt in range(1, TRIES + 1):
        try:
            answer = await client.get(url, params=query)
            answer.raise_for_status()
        except httpx2.HTTPError:
            if attempt == TRIES:
                raise
            await asyncio.sleep(PAUSE * attempt)
        else:
            found: dict[str, Any] = answer.json()
            return found
    raise AssertionError("the last try returns or raises")
