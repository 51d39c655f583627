"""How kind is found or compiled, and what image its node gets."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cluster import build, image_archives, kind, kind_program, lifecycle, node_image, settings
from harness.cluster.kind import BUILT, OFFICIAL_NODE, Kind
from harness.cluster.settings import Folders
from harness.common.errors import HarnessError
from harness.common.go import Go
from harness.common.progress import Steps

BUILT_NODE = f"{node_image.NAME}:v1.35.4-0123456789ab"
STORAGE = """package nodeimage

const storageHelperImage = "docker.io/kindest/local-path-helper:v1"

const defaultStorageManifest = `
image: ` + storageProvisionerImage + `
args: [--helper-image, ` + storageHelperImage + `]
`
"""


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """Return folders, with a PATH on which nothing is installed."""
    (tmp_path / "path").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    made = Folders(state=tmp_path / "state", cache=tmp_path / "cache")
    made.state.mkdir()
    return made


def install(folder: Path, name: str, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def path_of(folders: Folders) -> Path:
    return folders.state.parent / "path"


@pytest.mark.parametrize(
    ("printed", "wins"),
    [
        ("kind version 0.31.0", True),
        ("kind version 1.0.0", True),
        ("kind version 0.27.0", False),
        ("?", True),
    ],
)
def test_the_users_kind_wins_when_it_is_recent_enough(printed: str, wins: bool, folders: Folders) -> None:
    program = install(path_of(folders), "kind", f"echo '{printed}'")
    assert (kind_program.kind_program(folders) == program) is wins


def test_a_missing_kind_is_compiled_once_from_its_pinned_module(folders: Folders) -> None:
    go = Go(settings.VERSIONS["go"], folders.cache)
    install(go.program.parent, "go", 'echo "$@" >>"$GOBIN.log"; /bin/mkdir -p "$GOBIN"; : >"$GOBIN/kind"')
    (folders.cache / "programs").mkdir()
    kind_program.install_kind(folders)
    kind_program.install_kind(folders)
    program = kind_program.kind_program(folders)
    assert program.exists()
    asked = Path(f"{program.parent}.log").read_text()
    assert asked == f"install {kind_program.MODULE}\n"


def test_a_kind_that_does_not_compile_is_an_error(folders: Folders) -> None:
    install(Go(settings.VERSIONS["go"], folders.cache).program.parent, "go", "exit 1")
    with pytest.raises(HarnessError, match="kind did not compile"):
        kind_program.install_kind(folders)


def test_a_kubectl_that_the_harness_got_is_on_the_path_of_commands(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = install(folders.cache / "programs", "kubectl", "echo")
    monkeypatch.setattr(kind, "find_program", lambda *_: str(program))
    cluster = Kind(folders, "docker")
    cluster._install_kubectl()
    cluster._install_kubectl()
    assert (folders.state / "bin" / "kubectl").resolve() == program.resolve()
    folders.provider.write_text("kind\n")
    folders.kubeconfig.touch()
    assert lifecycle.environment(folders)["PATH"].startswith(f"{folders.state}/bin:")


def config(folders: Folders, image: str, nodes: int = 1) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return kind's configuration for its nodes' image, and its patches of kubeadm's by their kind."""
    found = yaml.safe_load(Kind(folders, "docker").config(image, nodes))
    patches = [json.loads(patch) for patch in found["kubeadmConfigPatches"]]
    return found, {patch.pop("kind"): patch for patch in patches}


@pytest.mark.parametrize("image", [OFFICIAL_NODE, "registry.example/kindest/node:v1.35.0", BUILT_NODE])
def test_the_kubelet_starts_on_a_machine_with_cgroup_v1(image: str, folders: Folders) -> None:
    found, patches = config(folders, image)
    assert found["nodes"][0]["image"] == image
    assert patches["KubeletConfiguration"] == {"failCgroupV1": False}


def test_only_a_built_node_has_other_images_and_another_network_than_kinds(folders: Folders) -> None:
    found, patches = config(folders, OFFICIAL_NODE)
    assert "networking" not in found
    assert set(patches) == {"KubeletConfiguration"}
    found, patches = config(folders, BUILT_NODE)
    ranges = {found["networking"]["podSubnet"], found["networking"]["serviceSubnet"]}
    assert not ranges & {settings.POD_RANGE, settings.SERVICE_RANGE}, "the embedded cluster may be beside it"
    assert patches["ClusterConfiguration"] == {
        "imageRepository": "localhost",
        "etcd": {"local": {"imageTag": settings.VERSIONS["etcd"]}},
        "dns": {"imageTag": f"v{settings.VERSIONS['coredns']}"},
    }


def test_several_nodes_are_one_control_plane_and_workers_of_the_same_image(folders: Folders) -> None:
    found, _ = config(folders, BUILT_NODE, 3)
    assert [node["role"] for node in found["nodes"]] == ["control-plane", "worker", "worker"]
    assert {node["image"] for node in found["nodes"]} == {BUILT_NODE}


def provided(folders: Folders, wanted: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(node_image.NodeImage, "provide", lambda _: BUILT_NODE)
    return Kind(folders, "docker")._provide_node_image(wanted, Steps(1))


def test_an_image_of_a_mirror_is_taken_as_it_is(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    assert provided(folders, "registry.example/node:v1", monkeypatch) == "registry.example/node:v1"


def test_the_official_node_is_taken_where_it_can_be_pulled(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(path_of(folders), "docker", f'test "$1 $3" = "pull {OFFICIAL_NODE}"')
    assert provided(folders, "", monkeypatch) == OFFICIAL_NODE


@pytest.mark.parametrize("wanted", ["", BUILT])
def test_a_node_is_built_when_asked_for_or_where_none_can_be_pulled(
    wanted: str, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.system", lambda: "Linux")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    install(path_of(folders), "docker", "exit 1")
    assert provided(folders, wanted, monkeypatch) == BUILT_NODE


@pytest.mark.parametrize(("system", "user"), [("Darwin", 501), ("Darwin", 0), ("Linux", 1000)])
def test_where_no_node_can_be_built_the_error_names_the_option(
    system: str, user: int, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("os.geteuid", lambda: user)
    install(path_of(folders), "docker", "exit 1")
    with pytest.raises(HarnessError, match=r"only root on Linux can build one.*--node-image NAME"):
        provided(folders, "", monkeypatch)


def test_other_nodes_than_the_clusters_are_rejected(folders: Folders) -> None:
    with_nodes(folders, "control-plane", "worker")
    folders.node_image.write_text(OFFICIAL_NODE)
    cluster = Kind(folders, "docker")
    cluster._check_nodes("", 0)
    cluster._check_nodes(OFFICIAL_NODE, 2)
    with pytest.raises(HarnessError, match=r"not of built; remove it first: tox -e cluster -- down"):
        cluster._check_nodes(BUILT, 0)
    with pytest.raises(HarnessError, match=r"has 2 nodes, not 3; remove it first: tox -e cluster -- down"):
        cluster._check_nodes("", 3)
    folders.node_image.write_text(BUILT_NODE)
    cluster._check_nodes(BUILT, 0)


@pytest.mark.parametrize(("image", "nodes", "option"), [(BUILT, 0, "--node-image"), ("", 3, "--nodes")])
def test_options_of_nodes_are_of_no_use_without_an_engine(
    image: str, nodes: int, option: str, folders: Folders
) -> None:
    folders.provider.write_text("embedded\n")
    with pytest.raises(HarnessError, match=f"{option} is for kind: start Docker or Podman"):
        lifecycle.up(folders, image, nodes)


@pytest.mark.parametrize(
    ("image", "pulls"), [(OFFICIAL_NODE, True), ("mirror/node:1", True), (BUILT_NODE, False)]
)
def test_what_a_built_node_runs_is_built_too(image: str, pulls: bool, folders: Folders) -> None:
    folders.provider.write_text("kind\n")
    folders.node_image.write_text(image)
    assert lifecycle.pulls_images(folders) is pulls


@pytest.mark.parametrize("reached", [True, False])
def test_the_gateway_api_comes_from_its_go_module_where_the_release_page_is_not_reached(
    reached: bool, folders: Folders
) -> None:
    install(path_of(folders), "kubectl", f"exit {int(not reached)}")
    go = Go(settings.VERSIONS["go"], folders.cache)
    install(go.program.parent, "go", "exit 0")
    definitions = go.modules / build.GATEWAY_API / "config/crd/standard"
    definitions.mkdir(parents=True)
    for name in (
        "gateway.networking.k8s.io_gateways.yaml",
        "gateway.networking.k8s.io_httproutes.yaml",
        "kustomization.yaml",
    ):
        (definitions / name).write_text(f"from: {name}\n")
    found, image = Kind(folders, "docker")._gateway()
    assert image == f"docker.io/traefik:v{settings.VERSIONS['traefik']}"
    if reached:
        assert found == kind.GATEWAY_RELEASE
    else:
        assert Path(found).read_text() == (
            "from: gateway.networking.k8s.io_gateways.yaml\n\n---\n"
            "from: gateway.networking.k8s.io_httproutes.yaml\n"
        )


def with_nodes(folders: Folders, *names: str) -> None:
    """Install a kind whose cluster has these nodes."""
    install(path_of(folders), "kind", f'test "$2" = nodes && echo {" ".join(names)}')
    (path_of(folders) / "env").symlink_to("/usr/bin/env")


WORKERS = [f"{settings.CLUSTER_NAME}-worker", f"{settings.CLUSTER_NAME}-worker2"]


def test_a_second_name_is_given_inside_each_worker(folders: Folders) -> None:
    with_nodes(folders, f"{settings.CLUSTER_NAME}-control-plane", *WORKERS)
    install(path_of(folders), "docker", f'echo "$@" >>{folders.state}/asked')
    Kind(folders, "docker").name_images({"localhost/mlflow:1": "ghcr.io/mlflow/mlflow:1"})
    assert (folders.state / "asked").read_text() == "".join(
        f"exec {node} ctr --namespace=k8s.io images tag --force localhost/mlflow:1 ghcr.io/mlflow/mlflow:1\n"
        for node in WORKERS
    )


def test_an_image_that_one_worker_lacks_is_not_there(folders: Folders) -> None:
    with_nodes(folders, *WORKERS)
    script = f"test $2 = {WORKERS[0]} && echo localhost/one:1; echo localhost/both:1"
    install(path_of(folders), "docker", script)
    assert Kind(folders, "docker")._images() == {"localhost/both:1"}


def test_the_only_node_takes_the_images(folders: Folders) -> None:
    with_nodes(folders, f"{settings.CLUSTER_NAME}-control-plane")
    assert Kind(folders, "docker").workers == [f"{settings.CLUSTER_NAME}-control-plane"]


def test_the_network_of_built_nodes_is_the_image_that_they_have_with_the_file_that_they_have() -> None:
    values: dict[str, object] = {
        "router_image": node_image.ROUTER_IMAGE,
        "conflist": node_image.CONFLIST,
        "service_range": settings.KIND_SERVICE_RANGE,
    }
    text = settings.render("kind_node/default-cni.yaml", values)
    (daemons,) = (each for each in yaml.safe_load_all(text) if each["kind"] == "DaemonSet")
    (container,) = daemons["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "localhost/kube-router:v2.1.0"
    assert container["imagePullPolicy"] == "Never"
    (file,) = (each["value"] for each in container["env"] if each["name"] == "KUBE_ROUTER_CNI_CONF_FILE")
    assert (node_image.FILES / Path(file).name).exists()
    assert f"--service-cluster-ip-range={settings.KIND_SERVICE_RANGE}" in container["args"]
    for service in (node_image.IMPORT_SERVICE, node_image.MASQUERADE_SERVICE):
        assert service in node_image.WANTED
        assert (node_image.FILES / service).exists()


def test_storage_manifest_names_the_built_images() -> None:
    manifest = node_image.storage_manifest(STORAGE, "localhost/provisioner:1", "localhost/helper:1")
    assert yaml.safe_load(manifest) == {
        "image": "localhost/provisioner:1",
        "args": ["--helper-image", "localhost/helper:1"],
    }


@pytest.mark.parametrize("source", ["", STORAGE.replace("storageHelperImage", "anotherImage")])
def test_a_storage_manifest_of_another_form_is_an_error(source: str) -> None:
    with pytest.raises(HarnessError, match=r"another form .*; correct harness/cluster/node_image\.py"):
        node_image.storage_manifest(source, "localhost/provisioner:1", "localhost/helper:1")


def test_containerd_of_a_built_node_needs_no_more_than_a_small_machine_gives() -> None:
    text = '  sandbox_image = "registry.k8s.io/pause:3.10"\n  restrict_oom_score_adj = false\n'
    assert node_image.containerd_config(text, "localhost/pause:1").splitlines() == [
        '  sandbox_image = "localhost/pause:1"',
        "  restrict_oom_score_adj = true",
        "  enable_unprivileged_ports = true",
    ]


def test_an_image_of_one_layer_has_all_its_names_and_starts_as_it_should(tmp_path: Path) -> None:
    layer, archive = tmp_path / "layer.tar", tmp_path / "image.tar"
    with tarfile.open(layer, "w") as tar:
        tar.add(__file__, "etc/file")
    image_archives.write_image(archive, layer, ["localhost/a:1", "localhost/b:1"], node_image.START, "amd64")
    with tarfile.open(archive) as tar:
        content = {member.name: file.read() for member in tar if (file := tar.extractfile(member))}
    (image,) = json.loads(content["manifest.json"])
    assert image["RepoTags"] == ["localhost/a:1", "localhost/b:1"]
    assert json.loads(content[image["Config"]])["config"]["StopSignal"] == "SIGRTMIN+3"
    assert content["layer.tar"] == layer.read_bytes()
