"""tox hides from its commands only the variables that they must not see."""

import subprocess
import sys
from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Each changes where its program finds what it works with.
ENGINES = (
    "CONTAINER_CONNECTION",
    "CONTAINER_HOST",
    "CONTAINERS_CONF",
    "DBUS_SESSION_BUS_ADDRESS",
    "DOCKER_CERT_PATH",
    "DOCKER_CONFIG",
    "DOCKER_CONTEXT",
    "DOCKER_HOST",
    "DOCKER_TLS_VERIFY",
    "KIND_EXPERIMENTAL_DOCKER_NETWORK",
    "REGISTRY_AUTH_FILE",
    "SSH_AUTH_SOCK",
    "XDG_RUNTIME_DIR",
)
PACKAGES = (
    "APT_CONFIG",
    "GOPROXY",
    "HTTPS_PROXY",
    "NETRC",
    "PIP_INDEX_URL",
    "SE_OFFLINE",
    "SSL_CERT_FILE",
    "UV_INDEX",
)
RECOVERY = 240  # seconds until every component is Ready again, as resources/settings.yaml has it
FOLDERS = ("EMBEDDED_CLUSTER_CACHE", "EMBEDDED_CLUSTER_STATE", "HOME", "TMPDIR", "XDG_CACHE_HOME")


@pytest.fixture(scope="module")
def settings() -> ConfigParser:
    """Return what tox sets for each environment."""
    command = [sys.executable, "-m", "tox", "config", "-e", "ALL", "-k", "pass_env", "suicide_timeout"]
    done = subprocess.run([*command, "--colored", "no"], cwd=ROOT, check=True, capture_output=True, text=True)
    read = ConfigParser(interpolation=None, delimiters="=")
    read.read_string(done.stdout)
    return read


@pytest.fixture(scope="module")
def patterns(settings: ConfigParser) -> list[str]:
    """Return the patterns of the variables that tox passes to the commands of e2e."""
    return settings["testenv:e2e"]["pass_env"].split()


@pytest.mark.parametrize("variable", [*ENGINES, *PACKAGES, *FOLDERS])
def test_variable_that_a_program_needs_is_passed(variable: str, patterns: list[str]) -> None:
    assert any(fnmatch(variable.lower(), pattern.lower()) for pattern in patterns)


@pytest.mark.parametrize("variable", ["KUBECONFIG", "MLFLOW_TRACKING_URI", "ROBOT_OPTIONS"])
def test_variable_that_would_lead_e2e_elsewhere_is_not_passed(variable: str, patterns: list[str]) -> None:
    assert not any(fnmatch(variable.lower(), pattern.lower()) for pattern in patterns)


def test_the_bundle_is_of_the_user_s_own_context(settings: ConfigParser) -> None:
    passed = settings["testenv:bundle"]["pass_env"].split()
    for variable in ("KUBECONFIG", "HTTPS_PROXY", "HOME"):
        assert any(fnmatch(variable.lower(), each.lower()) for each in passed), variable


@pytest.mark.parametrize("environment", ["e2e", "faults", "permissions", "kagenti", "upgrade"])
def test_ctrl_c_leaves_time_to_put_the_cluster_back_in_order(
    environment: str, settings: ConfigParser
) -> None:
    assert settings.getfloat(f"testenv:{environment}", "suicide_timeout") >= RECOVERY
