"""This machine's package indexes and certificates, as files that a build mounts and an image does not keep.

A machine behind a company's mirror or proxy has them in pip's and uv's configuration files and environment
variables. This module writes them into files for the places where pip, uv and Python look by themselves.
"""

from __future__ import annotations

import configparser
import json
import os
import ssl
from collections.abc import Mapping
from pathlib import Path

PIP_FILES = ("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")
PIP_KEYS = ("index-url", "extra-index-url", "trusted-host", "timeout", "retries", "proxy")
PIP_VARIABLES = {"timeout": "PIP_DEFAULT_TIMEOUT"}
UV_VARIABLES = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "extra-index-url": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "trusted-host": ("UV_INSECURE_HOST",),
}
UV_LISTS = {"extra-index-url": "extra-index-url", "trusted-host": "allow-insecure-host"}
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def pip_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return pip's settings about indexes: those of its files, overridden by PIP_* variables, as pip does."""
    parser = configparser.RawConfigParser(strict=False)
    files = [Path(name).expanduser() for name in PIP_FILES]
    parser.read([*files, environment.get("PIP_CONFIG_FILE", os.devnull)])
    settings = {}
    for key in PIP_KEYS:
        variable = PIP_VARIABLES.get(key, "PIP_" + key.upper().replace("-", "_"))
        value = environment.get(variable) or parser.get("global", key, fallback="")
        if value:
            settings[key] = " ".join(value.split())
    return settings


def uv_settings(environment: Mapping[str, str], pip: Mapping[str, str]) -> dict[str, str | list[str]]:
    """Return the same settings for uv: from its own variables, or else pip's settings."""
    settings: dict[str, str | list[str]] = {}
    for key, variables in UV_VARIABLES.items():
        value = next((environment[name] for name in variables if environment.get(name)), pip.get(key, ""))
        if value and key in UV_LISTS:
            settings[UV_LISTS[key]] = value.split()
        elif value:
            settings[key] = value
    return settings


def certificates(environment: Mapping[str, str]) -> Path | None:
    """Return this machine's bundle of certificate authorities, None without one."""
    named = [environment[name] for name in CERTIFICATE_VARIABLES if environment.get(name)]
    default = ssl.get_default_verify_paths().openssl_cafile
    candidates = [Path(name) for name in (*named, CERTIFICATES, default)]
    return next((path.resolve() for path in candidates if path.is_file()), None)


def write_build_files(folder: Path, environment: Mapping[str, str]) -> dict[str, Path]:
    """Write the files into a folder that only this user may read, because they may hold passwords.

    Returns the file on this machine by its secret's id in the Dockerfiles: pip, uv, certificates.
    """
    pip = pip_settings(environment)
    # What JSON writes for a text or a list of texts, TOML reads.
    uv = [f"{key} = {json.dumps(value)}" for key, value in uv_settings(environment, pip).items()]
    texts = {
        "pip": "[global]\n" + "".join(f"{key} = {value}\n" for key, value in pip.items()),
        "uv": "\n".join(["system-certs = true", *uv, ""]),
    }
    folder.mkdir(mode=0o700, parents=True)
    files = {name: folder / name for name in texts}
    for name, text in texts.items():
        files[name].write_text(text)
    bundle = certificates(environment)
    return files | ({"certificates": bundle} if bundle else {})
