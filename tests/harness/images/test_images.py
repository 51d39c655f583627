"""The image builder without building: names and tags, cache keys, command lines, machine configuration."""

import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from harness.cluster import lifecycle
from harness.cluster.settings import Folders
from harness.common.errors import LOG_LINES, HarnessError, last_lines
from harness.images import __main__ as cli
from harness.images import builds, catalog, contexts, engines, loading, registries
from harness.images.catalog import Image, images_for
from harness.images.requirements import RELEASED

FILES = {"pip": Path("/m/pip")}


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Image:
    monkeypatch.setattr(catalog, "IMAGES", tmp_path / "images")
    folder = tmp_path / "images" / "app"
    (folder / "package").mkdir(parents=True)
    (folder / "Dockerfile").write_text("ARG BASE_IMAGE=docker.io/library/python\nFROM ${BASE_IMAGE}\n")
    (folder / "package" / "main.py").write_text("print()\n")
    return Image("app", "v1.2.3-full")


def make_builder(tmp_path: Path) -> builds.ImageBuilder:
    return builds.ImageBuilder(engines.Buildah(tmp_path / "cache" / "images"), tmp_path / "cache")


def test_every_image_of_the_embedded_overlay_is_built_here_under_the_tag_of_the_kind_overlay() -> None:
    tags = {entry["name"].rsplit("/", 1)[-1]: entry["newTag"] for entry in catalog.image_entries("images")}
    built = images_for("embedded")
    assert {image.name: image.tag for image in built} == tags
    assert all((image.folder / "Dockerfile").is_file() for image in built)


def test_kind_gets_only_our_own_images_from_this_machine() -> None:
    assert {image.name for image in images_for("kind")} == {"weather-agent", "weather-tool", "model"}


def test_what_is_built_in_place_of_an_official_image_has_that_ones_name_too() -> None:
    names = catalog.official_names()
    assert set(names) == {image.reference for image in images_for("embedded")} - {
        image.reference for image in images_for("kind")
    }
    for built, official in names.items():
        assert built.rpartition("/")[2] == official.rpartition("/")[2], "the same name and tag"


@pytest.mark.parametrize(("provider", "pulls"), [("embedded", False), ("kind", True), ("kind", False)])
def test_a_kind_cluster_that_cannot_pull_gets_official_names(
    provider: str, pulls: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (postgres,) = choose("postgres")
    given: dict[str, str] = {}
    monkeypatch.setattr(lifecycle, "pulls_images", lambda _: pulls)
    monkeypatch.setattr(lifecycle, "provider", lambda _: provider)
    monkeypatch.setattr(lifecycle, "load", lambda *_: {postgres.reference})
    monkeypatch.setattr(lifecycle, "name_images", lambda _, names: given.update(names))
    monkeypatch.setattr(loading, "make_builder", lambda *_: make_builder(tmp_path))
    monkeypatch.setattr(builds.ImageBuilder, "build_all", lambda *_: [])
    official = f"docker.io/library/postgres:{postgres.tag}"
    new = loading.load_images(Folders(tmp_path, tmp_path), [postgres])
    if provider == "kind" and not pulls:
        assert given == {postgres.reference: official}
        assert new == {postgres.reference, official}
    else:
        assert given == {}
        assert new == {postgres.reference}


def choose(name: str) -> list[Image]:
    return loading.choose_images(images_for("embedded"), [name])


def test_an_image_without_dockerfile_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog, "APPS", tmp_path)
    with pytest.raises(HarnessError, match=r"needs localhost/weather-agent:.* lack its Dockerfile"):
        images_for("kind")


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        ("v3.17.2-full", "3.17.2"),
        ("version-20.26.1", "20.26.1"),
        ("18.6-bookworm", "18.6"),
        ("0.158.0", "0.158.0"),
    ],
)
def test_version_inside_a_tag(tag: str, version: str) -> None:
    assert Image("x", tag).version == version


def test_a_tag_without_version_is_an_error() -> None:
    with pytest.raises(HarnessError, match="latest"):
        _ = Image("x", "latest").version


@pytest.mark.parametrize("name", sorted(RELEASED))
def test_locks_hold_the_release_that_the_overlay_names(name: str) -> None:
    image = next(image for image in images_for("embedded") if image.name == name)
    lock = (image.folder / "requirements.txt").read_text()
    assert re.search(rf"^{RELEASED[name]}==\s*{re.escape(image.version)}(\.\d+)* ", lock, re.MULTILINE)


def test_the_collector_has_one_version() -> None:
    image = next(image for image in images_for("embedded") if image.name == "opentelemetry-collector-contrib")
    config = yaml.safe_load((image.folder / "builder.yaml").read_text())
    assert config["dist"]["version"] == image.version
    parts = [
        part["gomod"]
        for kind in ("receivers", "processors", "exporters", "extensions")
        for part in config[kind]
    ]
    assert {part.split()[1] for part in parts} == {f"v{image.version}"}


def test_the_collector_refuses_another_version(tmp_path: Path) -> None:
    image = Image("opentelemetry-collector-contrib", "0.1.0")
    with pytest.raises(HarnessError, match=r"wants collector 0\.1\.0"):
        contexts.build_collector_context(image, tmp_path, tmp_path / "log", tmp_path)


def test_an_archive_s_name_follows_all_that_goes_into_the_image(image: Image, tmp_path: Path) -> None:
    base = tmp_path / "images" / "base"
    base.mkdir()
    builder = make_builder(tmp_path)
    seen = [builder.archive(image)]
    assert builder.archive(image) == seen[0]

    source = image.folder / "package" / "main.py"
    source.write_text("print(1)\n")
    seen.append(builder.archive(image))
    source.rename(source.with_name("other.py"))
    seen.append(builder.archive(image))
    seen.append(builder.archive(Image("app", "v1.2.4-full")))
    (base / "Dockerfile").write_text("FROM scratch\n")
    seen.append(builder.archive(image))
    seen.append(builds.ImageBuilder(engines.Docker(), tmp_path / "cache").archive(image))
    assert len(set(seen)) == len(seen)

    (image.folder / "__pycache__").mkdir()
    (image.folder / "__pycache__" / "main.pyc").write_text("")
    assert builder.archive(image) == seen[4]


def test_a_built_image_is_not_built_again(
    image: Image, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    builder = builds.ImageBuilder(engines.Podman(), tmp_path / "cache")
    archive = builder.archive(image)
    archive.parent.mkdir(parents=True)
    archive.write_text("built")
    assert builder.build_all([image]) == [archive]
    assert "[1/1] app v1.2.3-full: cached" in capsys.readouterr().out


class Program(engines.Podman):
    """An engine whose image is a Python program's output."""

    def __init__(self, program: str) -> None:
        """Take the program's text; its argument is where the archive belongs."""
        self.program = program

    def archive_commands(self, *arguments: object) -> list[list[str]]:
        """See Engine."""
        return [[sys.executable, "-c", self.program, str(arguments[-1])]]


def test_a_build_replaces_the_older_archive_and_leaves_nothing_else(image: Image, tmp_path: Path) -> None:
    write = "import sys; open(sys.argv[1], 'w').write('new')"
    builder = builds.ImageBuilder(Program(write), tmp_path / "cache")
    old = builder.archive(image)
    assert builder.build_all([image]) == [old]
    (image.folder / "Dockerfile").write_text("FROM scratch\n")
    new = builder.archive(image)
    assert builder.build_all([image]) == [new]
    assert new.read_text() == "new"
    assert sorted(path.name for path in builder.folder.iterdir()) == sorted(["lock", "logs", new.name])


def test_a_failed_build_shows_the_end_of_its_log_and_leaves_no_archive(image: Image, tmp_path: Path) -> None:
    builder = builds.ImageBuilder(Program("print(*range(99), sep='\\n'); exit(3)"), tmp_path / "cache")
    with pytest.raises(HarnessError) as caught:
        builder.build_all([image])
    assert str(caught.value) == "The image app could not be built."
    assert caught.value.log == builder.logs / "app.log"
    assert last_lines(caught.value.log).splitlines() == [str(99 - LOG_LINES + i) for i in range(LOG_LINES)]
    assert sorted(path.name for path in builder.folder.iterdir()) == ["lock", "logs"]


def test_an_unreachable_registry_is_named_as_the_cause(image: Image, tmp_path: Path) -> None:
    builder = builds.ImageBuilder(Program("print('Caused by: dns error'); exit(1)"), tmp_path / "cache")
    with pytest.raises(HarnessError, match=r"could not be built\. A package registry cannot be reached"):
        builder.build_all([image])


def test_command_lines_of_docker() -> None:
    commands_ = engines.Docker().archive_commands(
        "localhost/a:1", Path("/c"), {"VERSION": "1"}, FILES, Path("/a.tar")
    )
    assert commands_ == [
        [
            "docker",
            "build",
            "--tag",
            "localhost/a:1",
            "--build-arg",
            "VERSION=1",
            "--secret",
            "id=pip,src=/m/pip",
            "/c",
        ],
        ["docker", "save", "--output", "/a.tar", "localhost/a:1"],
    ]
    assert engines.Docker().environment()["DOCKER_BUILDKIT"] == "1"


def test_command_lines_of_podman() -> None:
    build, save = engines.Podman().archive_commands("localhost/a:1", Path("/c"), {}, FILES, Path("/a.tar"))
    assert build == ["podman", "build", "--tag", "localhost/a:1", "--secret", "id=pip,src=/m/pip", "/c"]
    assert save == ["podman", "save", "--format", "oci-archive", "--output", "/a.tar", "localhost/a:1"]


def test_command_line_of_buildah(tmp_path: Path) -> None:
    engine = engines.Buildah(tmp_path)
    (build,) = engine.archive_commands("localhost/a:1", Path("/c"), {"VERSION": "1"}, FILES, Path("/a.tar"))
    storage = ["--root", str(tmp_path / "storage"), "--runroot", str(tmp_path / "run")]
    assert build[:7] == ["unshare", "--mount", "buildah", *storage]
    assert build[build.index("--tag") + 1] == "oci-archive:/a.tar:localhost/a:1"
    assert build[build.index("--secret") + 1] == "id=pip,src=/m/pip"
    assert f"{tmp_path / 'packages'}:/root/.cache" in build
    assert engine.environment()["BUILDAH_ISOLATION"] == "chroot"


def test_buildah_needs_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(HarnessError, match="needs root"):
        engines.Buildah(tmp_path).prepare(tmp_path / "log")


def test_what_is_missing_and_cannot_be_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(HarnessError, match="lacks buildah debootstrap and has no apt-get"):
        engines.Buildah(tmp_path).prepare(tmp_path / "log")


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(registries, "PIP_FILES", ())
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nindex-url = https://me:secret@mirror.example/simple\ntimeout = 5\n")
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("certificates")
    return {"PIP_CONFIG_FILE": str(config), "PIP_DEFAULT_TIMEOUT": "99", "PIP_CERT": str(bundle)}


def test_a_company_s_mirror_and_certificates_reach_the_build(tmp_path: Path, company: dict[str, str]) -> None:
    files = registries.write_build_files(tmp_path / "machine", company)
    pip = files["pip"].read_text()
    assert "index-url = https://me:secret@mirror.example/simple\n" in pip
    assert "timeout = 99\n" in pip
    uv = tomllib.loads(files["uv"].read_text())
    assert uv == {"system-certs": True, "index-url": "https://me:secret@mirror.example/simple"}
    assert files["certificates"] == tmp_path / "bundle.pem"
    assert (tmp_path / "machine").stat().st_mode & 0o077 == 0


def test_uv_s_own_variables_overrule_pip_s(tmp_path: Path, company: dict[str, str]) -> None:
    company |= {"UV_DEFAULT_INDEX": "https://uv.example", "PIP_TRUSTED_HOST": "a.example b.example"}
    uv = tomllib.loads(registries.write_build_files(tmp_path / "machine", company)["uv"].read_text())
    assert uv["index-url"] == "https://uv.example"
    assert uv["allow-insecure-host"] == ["a.example", "b.example"]


def test_an_unknown_name_is_answered_with_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lifecycle, "provider", lambda _: "embedded")
    assert cli.main(["grafana"]) == 1
    message = capsys.readouterr().err
    assert message.startswith("Error: 'grafana' is not built for this cluster; choose from: ")
    assert "phoenix" in message


def test_kind_without_an_engine_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "find_engine", lambda: None)
    with pytest.raises(HarnessError, match="running Docker or Podman"):
        loading.make_builder(Folders(tmp_path, tmp_path), "kind")


def test_images_that_were_not_in_the_cluster_are_returned(
    image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = Folders(tmp_path / "state", tmp_path / "cache")
    builder = builds.ImageBuilder(Program("import sys; open(sys.argv[1], 'w')"), folders.cache)
    loaded: list[Path] = []

    def load(where: Folders, archives: list[Path]) -> set[str]:
        assert where == folders
        loaded.extend(archives)
        return {image.reference}

    monkeypatch.setattr(lifecycle, "provider", lambda _: "kind")
    monkeypatch.setattr(lifecycle, "load", load)
    monkeypatch.setattr(loading, "images_for", lambda _: [image])
    monkeypatch.setattr(loading, "make_builder", lambda *_: builder)
    assert loading.build_and_load(folders) == {"localhost/app:v1.2.3-full"}
    assert loaded == [builder.archive(image)]


def test_another_release_is_built_from_the_same_files_with_its_own_packages(
    image: Image, tmp_path: Path
) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text("package==1.0\n")
    other = Image(image.name, "v1.1.0-full", lock)
    assert other.files() == image.files() | {"requirements.txt": lock}
    builder = make_builder(tmp_path)
    first = builder.archive(other)
    assert first.name.startswith("app-v1.1.0-full-")
    lock.write_text("package==1.1\n")
    assert builder.archive(other) != first
