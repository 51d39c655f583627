"""The stand-in for a Kagenti installation runs what its cluster has."""

import pytest

from harness.stand_ins.kagenti import stand_in


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let a test say what makes the cluster."""
    said = ["embedded"]
    monkeypatch.setattr(stand_in, "python", lambda *_: said[0])
    return said


def test_on_the_embedded_cluster_every_image_is_one_that_is_built_here(provider: list[str]) -> None:
    assert provider == ["embedded"]
    images = stand_in.images()
    assert set(images) == {"images.collector", "images.phoenix", "images.postgres"}
    assert all(image.startswith("localhost/") and ":" in image for image in images.values())


def test_on_kind_the_images_are_official_and_the_collector_is_the_installations(provider: list[str]) -> None:
    provider[0] = "kind"
    images = stand_in.images()
    assert set(images) == {"images.phoenix", "images.postgres"}
    assert all(image.startswith("docker.io/") for image in images.values())


def test_a_command_that_fails_is_named_with_what_it_said() -> None:
    with pytest.raises(
        stand_in.StandInError, match=r"`ls /nowhere-at-all` ended with exit code \d: .*nowhere"
    ):
        stand_in.ask("ls", "/nowhere-at-all")
