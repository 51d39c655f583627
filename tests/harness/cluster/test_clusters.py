"""What kind and the embedded node are run with: command lines, configuration, manifests."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cluster import addons, build, lifecycle, network, preflight, settings
from harness.cluster.__main__ import main, parser
from harness.cluster.image_archives import Archive
from harness.cluster.kind import OFFICIAL_NODE, Kind
from harness.cluster.kind_program import kind_program
from harness.cluster.kubectl import Kubectl
from harness.cluster.node import Node
from harness.cluster.settings import HERE, Folders
from harness.common.errors import HarnessError


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(state=tmp_path / "state", cache=tmp_path / "cache")


def program(folder: Path, name: str, script: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def test_kind_is_asked_for_a_cluster_with_a_kubeconfig_of_its_own(folders: Folders) -> None:
    assert Kind(folders, "docker").create() == [
        "env",
        "KIND_EXPERIMENTAL_PROVIDER=docker",
        str(kind_program(folders)),
        "create",
        "cluster",
        "--name=llm-observability",
        f"--config={folders.state}/kind.yaml",
        f"--kubeconfig={folders.kubeconfig}",
        "--wait=120s",
    ]


def test_kind_publishes_the_gateway_on_loopback_only(folders: Folders) -> None:
    config = yaml.safe_load(Kind(folders, "podman").config(OFFICIAL_NODE, 1))
    (node,) = config["nodes"]
    (mapping,) = node["extraPortMappings"]
    assert mapping["listenAddress"] == "127.0.0.1"
    assert mapping["hostPort"] == settings.GATEWAY_PORT
    assert node["image"] == f"docker.io/kindest/node:v{settings.VERSIONS['kind_node']}" == OFFICIAL_NODE
    service = next(document for document in traefik() if document["kind"] == "Service")
    assert service["spec"]["ports"][0]["nodePort"] == mapping["containerPort"]


def traefik() -> list[dict[str, Any]]:
    values: dict[str, object] = {
        "traefik_image": "traefik",
        "gateway_address": "192.0.2.1",
        "gateway_port": settings.GATEWAY_PORT,
        "gateway_node_port": settings.GATEWAY_NODE_PORT,
    }
    return list(yaml.safe_load_all(settings.render("manifests/traefik.yaml", values)))


def test_kind_gets_the_name_of_the_engine(
    folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "kind", 'test "$KIND_EXPERIMENTAL_PROVIDER" = podman && echo llm-observability')
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert Kind(folders, "podman").exists()
    with pytest.raises(HarnessError, match="kind does not answer"):
        Kind(folders, "docker").exists()


@pytest.mark.parametrize("clusters", ["", "another", "llm-observability-2"])
def test_cluster_of_another_name_is_not_ours(
    clusters: str, folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "kind", f"echo '{clusters}'")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    assert list(Kind(folders, "docker").problems()) == ["kind has no cluster llm-observability"]


def test_every_template_can_be_filled_in(folders: Folders) -> None:
    values: dict[str, object] = {
        **network.names(),
        "cluster_name": settings.CLUSTER_NAME,
        "gateway_node_port": settings.GATEWAY_NODE_PORT,
        "gateway_port": settings.GATEWAY_PORT,
        "helper_image": "helper",
        "node_name": settings.NODE_NAME,
        "pause_image": "pause",
        "resolv_conf": "/etc/resolv.conf",
        "run": folders.run,
        "socket": folders.socket,
        "state": folders.state,
        "traefik_image": "traefik",
        "gateway_address": "192.0.2.1",
    }
    for file in (*HERE.glob("templates/*"), *HERE.glob("manifests/*")):
        text = settings.render(str(file.relative_to(HERE)), values)
        if file.suffix in {".yaml", ".conflist"}:
            assert list(yaml.safe_load_all(text)), file


def test_every_process_says_whose_it_is_and_listens_on_the_node_only(folders: Folders) -> None:
    for name, arguments in Node(folders).commands().items():
        assert any(str(folders.state) in argument for argument in arguments[1:]), name
        assert not any("0.0.0.0" in argument for argument in arguments), name  # noqa: S104


def test_what_listens_has_its_port_checked_first(folders: Folders) -> None:
    assert set(settings.NODE_PORTS.values()) <= set(Node(folders).commands())


def test_mending_writes_no_configuration_file_that_has_not_changed(folders: Folders) -> None:
    node = Node(folders)
    node.programs.mkdir(parents=True)
    program(node.programs, "kubeadm", f"touch {folders.state}/admin.conf")
    folders.state.mkdir()
    node.configure()
    files = [*folders.state.glob("*.yaml"), *folders.state.glob("*.toml"), *folders.state.glob("cni/*")]
    assert {"kube-proxy.yaml", "containerd.toml", "10-bridge.conflist"} <= {file.name for file in files}
    for file in files:
        os.utime(file, (1, 1))
    (folders.state / "kubelet.yaml").write_text("changed by somebody")
    node.configure()
    written = [file.name for file in files if file.stat().st_mtime > 1]
    assert written == ["kubelet.yaml"], "kube-proxy ends whenever its file is written"


def test_other_work_begins_between_the_debian_packages_and_the_compiler(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    def compile_nothing(_: build.ProductBuilder) -> None:
        raise HarnessError("pause did not compile.")

    monkeypatch.setattr(preflight, "check_embedded", lambda *_: None)
    monkeypatch.setattr(build, "install_missing_packages", lambda _: order.append("packages"))
    monkeypatch.setattr(build.ProductBuilder, "build_small_images", compile_nothing)
    with pytest.raises(HarnessError, match="did not compile"):
        Node(folders).up(lambda: order.append("other work"))
    assert order == ["packages", "other work"]


@pytest.mark.parametrize(("status", "expected"), [("True", "True"), ("False", "False"), (None, "False")])
def test_gateway_is_programmed_when_its_controller_says_so(
    status: str | None, expected: str, tmp_path: Path
) -> None:
    conditions = f'{{"type": "Programmed", "status": "{status}"}}' if status else ""
    program(tmp_path, "kubectl", f'echo \'{{"status": {{"conditions": [{conditions}]}}}}\'')
    kubectl = Kubectl(tmp_path / "kubectl", tmp_path / "kubeconfig", tmp_path, "192.0.2.1")
    assert str(addons.is_programmed(kubectl)) == expected


def test_kubectl_that_is_not_there_is_a_problem_and_no_crash(folders: Folders) -> None:
    assert not addons.is_programmed(Node(folders).kubectl)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--help"])
    printed = capsys.readouterr().out
    assert all(
        command in printed for command in ("up", "down", "status", "exec", "kubeconfig", "load", "provider")
    )


def test_status_without_a_cluster(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EMBEDDED_CLUSTER_STATE", str(folders.state))
    assert main(["status"]) == 1
    assert capsys.readouterr().out == "There is no cluster; make one with `tox -e cluster -- up`.\n"
    assert not folders.state.exists()


def test_down_without_a_cluster_is_no_error(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EMBEDDED_CLUSTER_STATE", str(folders.state))
    monkeypatch.setenv("EMBEDDED_CLUSTER_CACHE", str(folders.cache))
    assert main(["down"]) == 0
    assert capsys.readouterr().out.startswith("There is no cluster any more, after ")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, "192.0.2.1"),
        ({"no_proxy": ".example"}, ".example,192.0.2.1"),
        ({"NO_PROXY": ".example, 192.0.2.1", "no_proxy": "a"}, ".example,192.0.2.1,a"),
        ({"NO_PROXY": "*"}, "*"),
    ],
)
def test_kubectl_asks_the_api_server_and_no_proxy(
    before: dict[str, str], after: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    program(tmp_path, "kubectl", 'echo "$NO_PROXY $no_proxy"')
    kubectl = Kubectl(tmp_path / "kubectl", tmp_path / "kubeconfig", tmp_path, "192.0.2.1")
    assert kubectl("get", "pods") == f"{after} {after}\n"


def test_commands_in_the_cluster_find_it_and_ask_no_proxy(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://192.0.2.9:3128")
    monkeypatch.setenv("no_proxy", ".example")
    folders.state.mkdir()
    folders.provider.write_text("embedded\n")
    folders.kubeconfig.touch()
    environment = lifecycle.environment(folders)
    assert environment["KUBECONFIG"] == str(folders.kubeconfig)
    assert environment["PATH"].startswith(f"{folders.state}/bin:")
    assert environment["no_proxy"] == environment["NO_PROXY"] == f".example,{settings.NODE_ADDRESS}"
    assert environment["http_proxy"] == "http://192.0.2.9:3128"


def test_loading_returns_the_images_that_were_not_there(
    folders: Folders, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = [(Archive(Path("a.tar"), ("localhost/a:1",), ""), True)]
    outcome.append((Archive(Path("b.tar"), ("localhost/b:1",), ""), False))
    monkeypatch.setattr(Node, "load", lambda *_: outcome)
    folders.state.mkdir()
    folders.provider.write_text("embedded\n")
    folders.kubeconfig.touch()
    assert lifecycle.load(folders, [Path("a.tar"), Path("b.tar")]) == {"localhost/a:1"}
    assert capsys.readouterr().out == "loaded: localhost/a:1\nthere already: localhost/b:1\n"
