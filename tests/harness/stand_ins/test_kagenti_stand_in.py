"""The stand-in for a Kagenti installation runs what its cluster has."""

import pytest

from harness.cluster import lifecycle
from harness.common.errors import HarnessError
from harness.stand_ins.kagenti import stand_in


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let a test say what makes the cluster."""
    said = ["embedded"]
    monkeypatch.setattr(lifecycle, "provider", lambda _: said[0])
    return said


@pytest.mark.usefixtures("provider")
def test_on_the_embedded_cluster_every_image_is_one_that_is_built_here() -> None:
    images = stand_in.images()
    assert set(images) == {"images.collector", "images.phoenix", "images.postgres"}
    assert all(image.startswith("localhost/") and ":" in image for image in images.values())


def test_on_kind_the_images_are_official_and_the_collector_is_the_installations(provider: list[str]) -> None:
    provider[0] = "kind"
    images = stand_in.images()
    assert set(images) == {"images.phoenix", "images.postgres"}
    assert all(image.startswith("docker.io/") for image in images.values())


def test_a_cluster_without_the_gateway_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def kubectl(*arguments: str) -> str:
        asked.append(arguments)
        return "" if arguments[:2] == ("get", "gateway") else '{"metadata": {}}'

    monkeypatch.setattr(stand_in, "kubectl", kubectl)
    with pytest.raises(HarnessError, match=r"no Gateway http in kagenti-system: `tox -e cluster -- up`"):
        stand_in.up()
    assert {arguments[0] for arguments in asked} == {"get"}, "nothing is made"
