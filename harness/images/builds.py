"""Builds images, two at a time, unless their inputs have not changed, and keeps them as archives."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from harness.common.commands import run_logged
from harness.common.debian_system import DEBIAN
from harness.common.errors import HarnessError
from harness.common.progress import duration, say
from harness.common.waiting import exclusive_lock
from harness.images.catalog import REQUIREMENTS, Image, official_names
from harness.images.contexts import CONTEXT_BUILDERS, CONTEXT_INPUTS
from harness.images.engines import Buildah, BuildFiles, Engine
from harness.images.presumed import FILE, find_problems, read_image, read_presumed
from harness.images.registries import write_build_files

BASE = Image("base", DEBIAN)
FREE_BYTES = 8 * 10**9  # at its largest, an empty cache has grown by about 6 GB (measured)
PARALLEL_BUILDS = 2  # one compiles or compresses while the other waits for the network
BUILD_LIMIT = 3600  # seconds for one command; all images together take 5 minutes on two cores


def build_key(image: Image, *inputs: str) -> str:
    """Return a short hash of all that goes into an image: its files, its reference, and further inputs."""
    digest = hashlib.sha256("\0".join([image.reference, *inputs]).encode())
    for name, path in image.files().items():
        digest.update(f"\0{name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


@dataclass
class Result:
    """One image's archive, and how many seconds its build took (None: the archive was there)."""

    image: Image
    archive: Path
    seconds: float | None


class ImageBuilder:
    """Builds with one engine into <cache>/images, which has the archives, logs, and buildah's storage."""

    def __init__(self, engine: Engine, cache: Path) -> None:
        """Build with an engine below a cache folder."""
        self.engine = engine
        self.cache = cache
        self.folder = cache / "images"
        self.logs = self.folder / "logs"

    @property
    def base_reference(self) -> str:
        """The name of Debian's base system in buildah's storage."""
        return f"localhost/base:{DEBIAN}-{build_key(BASE, *CONTEXT_INPUTS['base'])}"

    def arguments(self, image: Image) -> dict[str, str]:
        """Return the values of those arguments that an image's Dockerfile asks for."""
        asked = re.findall(r"^ARG (\w+)", (image.folder / "Dockerfile").read_text(), re.MULTILINE)
        arguments = {"VERSION": image.version} if "VERSION" in asked else {}
        if "BASE_IMAGE" in asked and isinstance(self.engine, Buildah):
            arguments["BASE_IMAGE"] = self.base_reference
        return arguments

    def archive(self, image: Image) -> Path:
        """Return where an image's archive is once it has been built from its present inputs."""
        inputs = [f"{name}={value}" for name, value in self.arguments(image).items()]
        key = build_key(image, type(self.engine).__name__, *inputs, *CONTEXT_INPUTS.get(image.name, []))
        return self.folder / f"{image.file_name}-{key}.tar"

    def build_base(self, work: Path) -> None:
        """Build Debian's base system into buildah's storage, unless it is there."""
        if not isinstance(self.engine, Buildah) or self.engine.has_image(self.base_reference):
            return
        log = self.new_log(BASE)
        say(f"      base {BASE.tag}: building, log in {log}")
        context = work / BASE.name
        context.mkdir()
        CONTEXT_BUILDERS[BASE.name](BASE, context, log, self.cache)
        command = self.engine.build_command(self.base_reference, context, {}, {})
        self._run(command, BASE, log)
        shutil.rmtree(context)

    def new_log(self, image: Image) -> Path:
        """Return the path of an image's log, empty for a new build."""
        log = self.logs / f"{image.file_name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")
        return log

    def _run(self, command: list[str], image: Image, log: Path) -> None:
        """Run one of the engine's commands. Raises HarnessError when it fails."""
        run_logged(
            command,
            log,
            f"The image {image.name} could not be built.",
            BUILD_LIMIT,
            downloads_from="A package registry",
            environment=self.engine.environment(),
        )

    def build(self, image: Image, base: Future[None] | None, work: Path, files: BuildFiles) -> Result:
        """Build one image, after its base, and return its archive; older archives of it are removed."""
        archive = self.archive(image)
        if archive.exists():
            return Result(image, archive, None)
        if base and "BASE_IMAGE" in self.arguments(image):
            base.result()
        started = time.monotonic()
        log = self.new_log(image)
        say(f"      {image.name} {image.tag}: building, log in {log}")
        context = image.folder
        if image.name in CONTEXT_BUILDERS:
            context = work / image.name
            context.mkdir()
            CONTEXT_BUILDERS[image.name](image, context, log, self.cache)
        elif image.requirements:
            context = work / image.file_name
            shutil.copytree(image.folder, context)
            shutil.copy(image.requirements, context / REQUIREMENTS)
        unfinished = work / archive.name
        for command in self.engine.archive_commands(
            image.reference, context, self.arguments(image), files, unfinished
        ):
            self._run(command, image, log)
        self._check(image, unfinished)
        for old in self.folder.glob(f"{image.file_name}-{'?' * 12}.tar"):
            old.unlink()
        unfinished.rename(archive)
        return Result(image, archive, time.monotonic() - started)

    def _check(self, image: Image, archive: Path) -> None:
        """Reject an image that is built in place of an official one and lacks what the manifests presume.

        Raises HarnessError.
        """
        official = official_names().get(image.reference)
        if official:
            presumed = read_presumed()[official.rpartition(":")[0]]
            if problems := find_problems(presumed, *read_image(archive)):
                raise HarnessError(
                    f"The image {image.name} lacks what the manifests presume ({FILE.name}):"
                    f" {'; '.join(problems)}; correct its Dockerfile."
                )

    def build_all(self, images: list[Image]) -> list[Path]:
        """Build images, two at a time, with a line of progress for each; return their archives.

        Raises HarnessError for the first that fails, once the builds that had begun have ended.
        """
        if isinstance(self.engine, Buildah):
            self.engine.prepare(self.logs / "apt.log")
        self.folder.mkdir(parents=True, exist_ok=True)
        waiting = "Another command is building images; waiting for it to end."
        with exclusive_lock(self.folder / "lock", waiting):
            for interrupted in self.folder.glob("work-*"):
                shutil.rmtree(interrupted)
            missing = [image for image in images if not self.archive(image).exists()]
            free = shutil.disk_usage(self.folder).free
            if len(missing) > 1 and free < FREE_BYTES:
                raise HarnessError(
                    f"{self.folder} has {free / 1e9:.0f} GB free, but the images need"
                    f" {FREE_BYTES / 1e9:.0f} GB; free some, or name another EMBEDDED_CLUSTER_CACHE."
                )
            with tempfile.TemporaryDirectory(dir=self.folder, prefix="work-") as name:
                return self._build_all(images, Path(name))

    def _build_all(self, images: list[Image], work: Path) -> list[Path]:
        """Build images with the folder `work` for what is unfinished; see build_all."""
        files = write_build_files(work / "machine", os.environ)
        # The collector first: it compiles while the others download.
        queue = sorted(images, key=lambda image: image.name not in CONTEXT_BUILDERS)
        archives = {}
        with ThreadPoolExecutor(PARALLEL_BUILDS) as pool:
            on_base = [image for image in queue if "BASE_IMAGE" in self.arguments(image)]
            needed = not all(self.archive(image).exists() for image in on_base)
            base = pool.submit(self.build_base, work) if needed else None
            futures = [pool.submit(self.build, image, base, work, files) for image in queue]
            try:
                for count, future in enumerate(as_completed(futures), 1):
                    result = future.result()
                    size = result.archive.stat().st_size / 1e6
                    how = "cached" if result.seconds is None else f"built in {duration(result.seconds)}"
                    name = f"{result.image.name} {result.image.tag}"
                    say(f"[{count}/{len(queue)}] {name}: {how}, {size:.0f} MB")
                    archives[result.image] = result.archive
            except BaseException:
                say("A build failed; waiting for those that had begun ...")
                pool.shutdown(cancel_futures=True)
                raise
        return [archives[image] for image in images]
