"""The weather tool's answer can be computed by whoever knows the city and the seed."""

import json

import pytest

from weather_tool.weather import as_json, names, weather


def test_answer_is_read_off_the_sha256_of_seed_and_city() -> None:
    # By hand from `printf s1:paris | sha256sum` = f9f1 fb9b 8f bab2ff07...: (0xf9f1 % 400 - 50) / 10 = 33.5,
    # 0xfb9b % 101 = 74, 0x8f % 8 = 7 (windy).
    assert weather("Paris", "s1") == {
        "city": "Paris",
        "conditions": "windy",
        "humidity_percent": 74,
        "station": "WX-BAB2FF07",
        "temperature_celsius": 33.5,
    }


@pytest.mark.parametrize("spelling", ["paris", "  PARIS ", "Paris\n"])
def test_spelling_changes_the_name_only(spelling: str) -> None:
    assert {**weather(spelling, "s1"), "city": ""} == {**weather("Paris", "s1"), "city": ""}


def test_another_seed_or_city_is_another_station() -> None:
    stations = {
        weather(city, seed)["station"]
        for city in ("Paris", "Łódź", "Testville-7")
        for seed in ("", "s1", "s2")
    }
    assert len(stations) == 9


def test_values_stay_in_their_ranges() -> None:
    for number in range(2000):
        answer = weather(f"Town {number}", "s")
        assert -5 <= answer["temperature_celsius"] < 35
        assert 0 <= answer["humidity_percent"] <= 100


def test_json_has_sorted_keys_and_keeps_umlauts() -> None:
    text = as_json(weather("Łódź", "s1"))
    assert "Łódź" in text
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_failing_cities_are_a_comma_separated_list() -> None:
    assert names(" Atlantis, El Dorado ,,") == {"atlantis", "el dorado"}
    assert names("") == frozenset()
