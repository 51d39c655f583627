"""What the rendered output cannot show: how the Kustomize sources are written."""

from pathlib import Path

import pytest
import yaml

from harness.common.combinations import KUSTOMIZE

KUSTOMIZATIONS = sorted(KUSTOMIZE.rglob("kustomization.yaml"))
DEPRECATED = {"bases", "commonLabels", "imageTags", "patchesJson6902", "patchesStrategicMerge", "vars"}
VERSIONS = KUSTOMIZE / "components" / "images" / "kustomization.yaml"


def short(path: Path) -> str:
    return str(path.relative_to(KUSTOMIZE).parent)


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=short)
def test_kustomization_is_current(path: Path) -> None:
    kustomization = yaml.safe_load(path.read_text(encoding="utf-8"))
    component = kustomization["kind"] == "Component"
    assert kustomization["apiVersion"] == f"kustomize.config.k8s.io/{'v1alpha1' if component else 'v1beta1'}"
    assert not DEPRECATED & set(kustomization), "deprecated by Kustomize 5"
    assert not kustomization.get("generatorOptions", {}).get("disableNameSuffixHash")
    for generator in kustomization.get("configMapGenerator", []):
        assert not generator.get("options", {}).get("disableNameSuffixHash"), (
            "a changed config must roll its pods"
        )
        assert "namespace" in generator, "a generated name is matched to its users within its namespace"
    assert "secretGenerator" not in kustomization, "Secrets are made in the cluster"
    for labels in kustomization.get("labels", []):
        named = set(labels["pairs"]) == {"app.kubernetes.io/name"}
        assert named or not labels.get("includeSelectors"), "selectors cannot be changed later"


@pytest.mark.parametrize("path", KUSTOMIZATIONS, ids=short)
def test_versions_stand_in_one_place(path: Path) -> None:
    if path != VERSIONS:
        images = yaml.safe_load(path.read_text(encoding="utf-8")).get("images", [])
        assert not [image for image in images if {"newTag", "digest"} & set(image)], (
            f"versions stand in {VERSIONS}"
        )
    for manifest in path.parent.glob("*.yaml"):
        for line in manifest.read_text(encoding="utf-8").splitlines():
            if line.strip().startswith("image: "):
                image = line.split()[1]
                assert ":" not in image.rpartition("/")[2], f"{manifest}: {image} names a version"


def test_every_image_has_its_version() -> None:
    images = yaml.safe_load(VERSIONS.read_text(encoding="utf-8"))["images"]
    assert all(image.get("newTag") not in (None, "latest") for image in images)


def test_the_base_holds_what_it_lists() -> None:
    listed = yaml.safe_load((KUSTOMIZE / "base" / "kustomization.yaml").read_text(encoding="utf-8"))
    there = {path.name for path in (KUSTOMIZE / "base").iterdir()} - {"kustomization.yaml"}
    assert there == set(listed["resources"])


def test_a_kustomization_uses_every_file_or_a_page_names_it() -> None:
    named = "\n".join(path.read_text(encoding="utf-8") for path in KUSTOMIZATIONS)
    files = [
        p for p in KUSTOMIZE.rglob("*") if p.is_file() and p.suffix != ".pyc" and p not in KUSTOMIZATIONS
    ]
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (KUSTOMIZE.parent / "docs").glob("*.md"))
    unused = [path for path in files if path.name not in named]
    assert not [str(path) for path in unused if str(path.relative_to(KUSTOMIZE.parent)) not in pages]
