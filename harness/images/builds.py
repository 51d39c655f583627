"""Builds images in order, skips those whose inputs have not changed, and keeps them as archives."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from harness.images.catalog import Image
from harness.images.commands import run_logged
from harness.images.contexts import DEBIAN, MAKER_INPUTS, MAKERS
from harness.images.engines import Buildah, BuildFiles, Engine
from harness.images.errors import ImageError
from harness.images.registries import write_build_files

BASE = Image("base", DEBIAN)
FREE_BYTES = 8 * 10**9  # at its largest, an empty cache has grown by about 6 GB (measured)
BESIDE = (
    2  # how many builds run side by side: one compiles or compresses while the other waits for the network
)


def cache_folder() -> Path:
    """Return the folder that all caches of the embedded cluster share."""
    default = "/var/cache/embedded-cluster" if os.geteuid() == 0 else "~/.cache/embedded-cluster"
    return Path(os.environ.get("EMBEDDED_CLUSTER_CACHE") or default).expanduser().absolute()


def build_key(image: Image, *inputs: str) -> str:
    """Return a short name for all that goes into an image: its files, its reference, and further inputs."""
    digest = hashlib.sha256("\0".join([image.reference, *inputs]).encode())
    for path in image.files():
        digest.update(f"\0{path.relative_to(image.folder)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


@dataclass
class Result:
    """One image's archive, and how many seconds its build took (None: it was there)."""

    image: Image
    archive: Path
    seconds: float | None


class Builder:
    """Builds with one engine into <cache>/images: archives, logs, and buildah's storage."""

    def __init__(self, engine: Engine, cache: Path) -> None:
        """Build with an engine below a cache folder."""
        self.engine = engine
        self.cache = cache
        self.folder = cache / "images"
        self.logs = self.folder / "logs"

    @property
    def base_reference(self) -> str:
        """The name of Debian's base system in buildah's storage."""
        return f"localhost/base:{DEBIAN}-{build_key(BASE, *MAKER_INPUTS['base'])}"

    def arguments(self, image: Image) -> dict[str, str]:
        """Return the values of those arguments that an image's Dockerfile asks for."""
        asked = re.findall(r"^ARG (\w+)", (image.folder / "Dockerfile").read_text(), re.MULTILINE)
        arguments = {"VERSION": image.version} if "VERSION" in asked else {}
        if "BASE_IMAGE" in asked and isinstance(self.engine, Buildah):
            arguments["BASE_IMAGE"] = self.base_reference
        return arguments

    def archive(self, image: Image) -> Path:
        """Return where an image's archive is when it has been built from its present inputs."""
        inputs = [f"{name}={value}" for name, value in self.arguments(image).items()]
        key = build_key(image, type(self.engine).__name__, *inputs, *MAKER_INPUTS.get(image.name, []))
        return self.folder / f"{image.name}-{key}.tar"

    def build_base(self, work: Path) -> None:
        """Put Debian's base system into buildah's storage, unless it is there."""
        if not isinstance(self.engine, Buildah) or self.engine.has(self.base_reference):
            return
        log = self.new_log(BASE)
        print(f"      base {BASE.tag}: building, log in {log}", flush=True)
        context = work / BASE.name
        context.mkdir()
        MAKERS[BASE.name](BASE, context, log, self.cache)
        command = self.engine.build_command(self.base_reference, context, {}, {})
        run_logged(command, "building base", log, self.engine.environment())
        shutil.rmtree(context)

    def new_log(self, image: Image) -> Path:
        """Return the path of an image's log, empty for a new build."""
        log = self.logs / f"{image.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")
        return log

    def build(self, image: Image, base: Future[None] | None, work: Path, files: BuildFiles) -> Result:
        """Build one image, after its base, and return its archive; older archives of it are removed."""
        archive = self.archive(image)
        if archive.exists():
            return Result(image, archive, None)
        if base and "BASE_IMAGE" in self.arguments(image):
            base.result()
        print(f"      {image.name} {image.tag}: building, log in {self.logs / image.name}.log", flush=True)
        started = time.monotonic()
        log = self.new_log(image)
        context = image.folder
        if image.name in MAKERS:
            context = work / image.name
            context.mkdir()
            MAKERS[image.name](image, context, log, self.cache)
        unfinished = work / archive.name
        for command in self.engine.archive_commands(
            image.reference, context, self.arguments(image), files, unfinished
        ):
            run_logged(command, f"building {image.name}", log, self.engine.environment())
        for old in self.folder.glob(f"{image.name}-{'?' * 12}.tar"):
            old.unlink()
        unfinished.rename(archive)
        return Result(image, archive, time.monotonic() - started)

    def build_all(self, images: list[Image]) -> list[Path]:
        """Build images, two side by side, with a line of progress for each; return their archives.

        Raises ImageError for the first that fails, once the builds that had begun are over.
        """
        if isinstance(self.engine, Buildah):
            self.engine.prepare(self.logs / "apt.log")
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.alone():
            missing = [image for image in images if not self.archive(image).exists()]
            free = shutil.disk_usage(self.folder).free
            if len(missing) > 1 and free < FREE_BYTES:
                room = f"{free / 1e9:.0f} GB free, but the images need {FREE_BYTES / 1e9:.0f} GB"
                raise ImageError(f"{self.folder} has {room}: free some, or set EMBEDDED_CLUSTER_CACHE")
            with tempfile.TemporaryDirectory(dir=self.folder, prefix="work-") as name:
                return self.build_within(images, Path(name))

    def build_within(self, images: list[Image], work: Path) -> list[Path]:
        """Build images with a folder for what is unfinished; see build_all."""
        files = write_build_files(work / "machine", os.environ)
        # The collector first: the one that compiles, while the others download.
        queue = sorted(images, key=lambda image: image.name not in MAKERS)
        archives = {}
        with ThreadPoolExecutor(BESIDE) as pool:
            upon_base = [image for image in queue if "BASE_IMAGE" in self.arguments(image)]
            wanted = not all(self.archive(image).exists() for image in upon_base)
            base = pool.submit(self.build_base, work) if wanted else None
            futures = [pool.submit(self.build, image, base, work, files) for image in queue]
            try:
                for count, future in enumerate(as_completed(futures), 1):
                    result = future.result()
                    size = result.archive.stat().st_size / 1e6
                    how = "cached" if result.seconds is None else f"built in {result.seconds:.0f} s"
                    name = f"{result.image.name} {result.image.tag}"
                    print(f"[{count}/{len(queue)}] {name}: {how}, {size:.0f} MB", flush=True)
                    archives[result.image] = result.archive
            except BaseException:
                print("a build failed; waiting for those that had begun ...", flush=True)
                pool.shutdown(cancel_futures=True)
                raise
        return [archives[image] for image in images]

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until no other process builds into this folder, and remove what an interrupted one left."""
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"waiting for another build of images in {self.folder} ...", flush=True)
                fcntl.flock(lock, fcntl.LOCK_EX)
            for left in self.folder.glob("work-*"):
                shutil.rmtree(left)
            yield
