"""The climate agent's tool answers with a reading that cannot be guessed, and fails for one city."""

import re

import pytest

from climate_agent.weather import get_weather


def test_each_reading_is_another() -> None:
    first, second = get_weather("Paris"), get_weather("Paris")
    assert re.fullmatch(r"Paris: \d+(\.\d)? degrees, reading CL-[0-9A-F]{8}", first)
    assert first != second


def test_one_city_has_no_station() -> None:
    with pytest.raises(ValueError, match="No weather station answers for Atlantis"):
        get_weather("Atlantis")
