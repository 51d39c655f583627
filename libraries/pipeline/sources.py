"""Reads the sources of a collector's configuration from its workload: arguments, files and variables."""

from __future__ import annotations

from robot.api.deco import keyword, library

from kube.client import ClusterError
from kube.environment import Environment
from kube.model import Object
from kube.objects import Objects
from pipeline.effective import Configuration, UnreadError, make_configuration
from pipeline.exporter_logins import is_in, secret_mounts

# Where images of the collector have their own configuration; a mounted file can stand in its place.
OF_IMAGE = ("/etc/otelcol-contrib/config.yaml", "/etc/otelcol-k8s/config.yaml", "/etc/otelcol/config.yaml")


@library(scope="GLOBAL")
class Sources:
    """Reads what a collector gets its configuration from."""

    def __init__(self, objects: Objects, environment: Environment) -> None:
        """Read by these."""
        self._objects, self._environment = objects, environment

    @keyword
    def read_effective_configuration(self, workload: Object) -> Configuration:
        """Return the configuration that a collector runs with: of all sources, merged as the collector does.

        A --config is a file, `env:` or `yaml:`; a --set comes after all of them; references inside, such as
        `${env:NAME:-default}`, have their values
        (https://opentelemetry.io/docs/collector/configuration/#location). Files are those of mounted
        ConfigMaps. Secrets are not read, for the report would show their values: a reference to one stays.
        Raises AssertionError where a whole source cannot be read, such as an URL, a Secret or a file of the
        image: what the collector does is unknown then. It is never taken for empty.
        """
        files, secrets = self._objects.read_mounted_files(workload), secret_mounts(workload)
        environment = self._environment.reading_once()

        def read(scheme: str, rest: str) -> str | None:
            if scheme == "file":
                return _read_file(rest, files, secrets)
            if scheme != "env":
                raise UnreadError(f"{scheme}:{rest} is read by the collector alone")
            return _read_variable(environment, workload, rest)

        command = environment.read_command(workload)
        return make_configuration(command or [f"--config={path}" for path in OF_IMAGE if path in files], read)


def _read_variable(environment: Environment, workload: Object, name: str) -> str | None:
    try:
        variable = environment.find_variable(workload, name)
    except ClusterError as error:
        raise UnreadError(f"variable {name} of its pod is not read: {str(error).rstrip('.')}") from error
    if variable.unread:
        raise UnreadError(f"variable {name} of its pod is not read, {variable.unread}")
    return variable.value


def _read_file(path: str, files: dict[str, str], secrets: dict[str, str]) -> str:
    if path in files:
        return files[path]
    secret = next((name for mount, name in secrets.items() if is_in(path, mount)), "")
    where = f"is of Secret {secret}" if secret else "is in no ConfigMap that its pod mounts"
    raise UnreadError(f"file {path} is not read, it {where}")
