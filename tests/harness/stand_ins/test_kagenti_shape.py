"""The installation of before stands in the cluster's own namespace, beside its Gateway."""

import pytest

from harness.common.errors import HarnessError
from harness.stand_ins.rossoctl import kagenti


def test_a_cluster_without_the_gateway_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def kubectl(*arguments: str) -> str:
        asked.append(arguments)
        return "" if arguments[:2] == ("get", "gateway") else '{"metadata": {}}'

    monkeypatch.setattr(kagenti, "kubectl", kubectl)
    with pytest.raises(HarnessError, match=r"no Gateway http in kagenti-system: `tox -e cluster -- up`"):
        kagenti.up()
    assert {arguments[0] for arguments in asked} == {"get"}, "nothing is made"
