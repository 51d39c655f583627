"""The identity provider's realm, and the Secrets by which stack and suites find it."""

import base64
import json
from typing import Any

import pytest
import yaml

from harness.common.combinations import KUSTOMIZE
from harness.stand_ins.oidc import stand_in

REALM = json.loads((stand_in.HERE / "realm.json").read_text(encoding="utf-8"))


def test_every_secret_of_the_realm_is_a_random_one() -> None:
    text = json.dumps(REALM)
    assert all(f"${{{name}}}" in text for name in stand_in.PASSWORDS)
    secrets = [client["secret"] for client in REALM["clients"]]
    secrets += [each["value"] for user in REALM["users"] for each in user.get("credentials", [])]
    assert sorted(secrets) == sorted(f"${{{name}}}" for name in stand_in.PASSWORDS)


def test_the_realm_has_the_groups_that_the_component_knows() -> None:
    patch = yaml.safe_load((KUSTOMIZE / "components/mlflow-oidc/mlflow.yaml").read_text(encoding="utf-8"))
    env = patch["spec"]["template"]["spec"]["containers"][0]["env"]
    values = {entry["name"]: entry.get("value", "") for entry in env}
    known = {values["OIDC_ADMIN_GROUP_NAME"], *values["OIDC_GROUP_NAME"].split(",")}
    assert {group["name"] for group in REALM["groups"]} == known
    assert {group for user in REALM["users"] for group in user["groups"]} == {f"/{name}" for name in known}


def test_clients_for_mlflow_get_its_audience_and_the_other_service_does_not() -> None:
    for client in REALM["clients"]:
        audiences = [
            mapper["config"]["included.custom.audience"]
            for mapper in client.get("protocolMappers", [])
            if mapper["name"] == "audience"
        ]
        assert audiences == ([] if client["clientId"] == "other-service" else [stand_in.AUDIENCE])


def test_each_secret_holds_its_client() -> None:
    passwords = {name: f"{name} value" for name in stand_in.PASSWORDS}
    objects = {each["metadata"]["name"]: each for each in stand_in.cluster_objects(passwords)}
    for name, (client, password) in stand_in.CLIENTS.items():
        values = objects[name]["stringData"]
        assert (values["OIDC_CLIENT_ID"], values["OIDC_CLIENT_SECRET"]) == (client, passwords[password])
    assert objects["mlflow-person"]["stringData"]["password"] == passwords["PERSON_PASSWORD"]


@pytest.mark.parametrize("names", [stand_in.PASSWORDS, stand_in.PASSWORDS[:1]])
def test_passwords_are_kept_where_all_of_them_are_there(
    names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    there: dict[str, Any] = {"data": {name: base64.b64encode(b"kept").decode() for name in names}}
    monkeypatch.setattr(stand_in, "kubectl", lambda *_: json.dumps(there))
    expected = dict.fromkeys(names, "kept") if names == stand_in.PASSWORDS else None
    assert stand_in.find_passwords() == expected
