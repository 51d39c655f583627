"""The stand-in for open-meteo answers as the weather tool expects, each process with its own weather."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest
import requests

from harness.stand_ins.open_meteo import server


@pytest.fixture
def url() -> Iterator[str]:
    served = ThreadingHTTPServer(("127.0.0.1", 0), server.Handler)
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_address[1]}"
    served.shutdown()
    served.server_close()


def forecast(url: str, city: str) -> requests.Response:
    """Ask for a city's weather as the tool does: first for its place."""
    found = requests.get(f"{url}/v1/search", params={"name": city, "count": "1"}, timeout=5).json()
    place = found["results"][0]
    query = {"latitude": str(place["latitude"]), "longitude": str(place["longitude"])}
    return requests.get(f"{url}/v1/forecast", params=query, timeout=5)


def test_a_city_has_a_place_and_a_weather_that_stays(url: str) -> None:
    first, second = (forecast(url, "Paris").json()["current_weather"] for _ in range(2))
    assert first == second
    assert first != forecast(url, "Rome").json()["current_weather"]
    assert {"time", "temperature", "windspeed", "winddirection", "is_day", "weathercode"} <= set(first)


def test_another_process_has_another_weather(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = forecast(url, "Paris").json()
    monkeypatch.setattr(server, "_SALT", "another process")
    assert forecast(url, "Paris").json() != before


def test_an_unknown_city_has_no_place(url: str) -> None:
    answer = requests.get(f"{url}/v1/search", params={"name": "Atlantis"}, timeout=5)
    assert "results" not in answer.json()


def test_the_failures_that_can_be_asked_for(url: str) -> None:
    assert forecast(url, "Pompeii").status_code == requests.codes.internal_server_error
    assert "current_weather" not in forecast(url, "Nowhere").json()


def test_another_path_is_not_found(url: str) -> None:
    assert requests.get(f"{url}/nothing", timeout=5).status_code == requests.codes.not_found
