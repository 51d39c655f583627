"""Plays open-meteo for the weather tool: `/v1/search` finds a place, `/v1/forecast` its current weather.

It runs in any image that has Python, and needs the standard library alone. Each process has a weather of its
own, which nobody knows who does not ask. Three cities fail on purpose: Atlantis is unknown, the answer about
Nowhere lacks the weather, and the answer about Pompeii is 500.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PORT = 8080
UNKNOWN, WITHOUT_WEATHER, FAILING = "atlantis", "nowhere", "pompeii"
_SALT = secrets.token_hex(16)


def place(city: str) -> tuple[float, float]:
    """Return latitude and longitude that stand for a city: always the same for the same name."""
    digest = hashlib.sha256(city.strip().lower().encode()).digest()
    return (
        int.from_bytes(digest[:2]) % 18000 / 100 - 90,
        int.from_bytes(digest[2:4]) % 36000 / 100 - 180,
    )


def weather(latitude: str, longitude: str) -> dict[str, Any]:
    """Return the current weather at a place, in open-meteo's form.

    Temperature and wind have three digits at least, so that they differ from other numbers of an answer.
    """
    digest = hashlib.sha256(f"{_SALT}:{latitude}:{longitude}".encode()).digest()
    return {
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:00"),
        "interval": 900,
        "temperature": int.from_bytes(digest[:2]) % 3000 / 100 + 10,
        "windspeed": int.from_bytes(digest[2:4]) % 900 / 10 + 10,
        "winddirection": int.from_bytes(digest[4:6]) % 360,
        "is_day": digest[6] % 2,
        "weathercode": digest[7] % 100,
    }


class Handler(BaseHTTPRequestHandler):
    """Answers the two requests."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer one request."""
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        if parts.path == "/v1/search":
            self._answer(HTTPStatus.OK, self._search(query.get("name", "")))
        elif parts.path == "/v1/forecast":
            self._forecast(query.get("latitude", ""), query.get("longitude", ""))
        else:
            self._answer(HTTPStatus.NOT_FOUND, {"error": True, "reason": "Not Found"})

    def _search(self, city: str) -> dict[str, Any]:
        if city.strip().lower() == UNKNOWN:
            return {"generationtime_ms": 0.1}
        latitude, longitude = place(city)
        return {"results": [{"name": city, "latitude": latitude, "longitude": longitude}]}

    def _forecast(self, latitude: str, longitude: str) -> None:
        special = {tuple(map(str, place(city))): city for city in (WITHOUT_WEATHER, FAILING)}
        match special.get((latitude, longitude)):
            case "pompeii":
                self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": True, "reason": "Internal Error"})
            case "nowhere":
                self._answer(HTTPStatus.OK, {"latitude": float(latitude), "longitude": float(longitude)})
            case _:
                self._answer(HTTPStatus.OK, {"current_weather": weather(latitude, longitude)})

    def _answer(self, status: HTTPStatus, said: dict[str, Any]) -> None:
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - the standard library's name
        """Log nothing: the tool's spans say what was asked."""


def main() -> None:
    """Serve on PORT (8080) until the process is ended."""
    ThreadingHTTPServer(("0.0.0.0", int(os.environ.get("PORT", PORT))), Handler).serve_forever()  # noqa: S104


if __name__ == "__main__":
    main()
