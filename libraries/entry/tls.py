"""Which authorities a request over TLS trusts, and which certificate it shows."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from robot.api.deco import keyword, library

from entry.entry_point import EntryError, EntryPoint, Tls

# As mlflow's own client has them: mlflow.environment_variables.
SERVER_CERTIFICATE = "MLFLOW_TRACKING_SERVER_CERT_PATH"
INSECURE = "MLFLOW_TRACKING_INSECURE_TLS"
CLIENT_CERTIFICATE = "MLFLOW_TRACKING_CLIENT_CERT_PATH"
BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")  # as requests has them: the first that is set


@library(scope="GLOBAL")
class TlsOfMlflow:
    """Asks MLflow over TLS as mlflow's own client does."""

    @keyword(name="Get Entry Point With TLS Of MLflow Client")
    def with_tls_of_mlflow_client(self, entry: EntryPoint) -> EntryPoint:
        """Return the same entry point, asked over TLS as MLFLOW_TRACKING_*_CERT_PATH and _INSECURE_TLS say.

        Raises EntryError where a file is not there, and where two variables exclude each other.
        """
        return replace(entry, tls=read_tls(os.environ))


def read_tls(environment: Mapping[str, str]) -> Tls | None:
    """Return what the environment says to mlflow's client about TLS, None where it says nothing."""
    insecure = environment.get(INSECURE, "").lower() in {"true", "1"}
    authority = _read_path(environment, SERVER_CERTIFICATE)
    certificate = _read_path(environment, CLIENT_CERTIFICATE)
    if insecure and authority:
        raise EntryError(f"{INSECURE} and {SERVER_CERTIFICATE} exclude each other: unset one of them.")
    if insecure or authority or certificate:
        return Tls(False if insecure else authority, certificate)
    return None


def request_options(entry: EntryPoint) -> dict[str, Any]:
    """Return `verify` and `cert` for a request; raises EntryError where a file is missing."""
    if entry.tls or entry.is_secure:
        tls = entry.tls or Tls()
        return {"verify": trusted_authorities(tls), "cert": tls.certificate}
    return {}


def trusted_authorities(tls: Tls) -> str | bool:
    """Return the file or folder with the certificates that are trusted, False where anybody is."""
    if tls.authority is not None:
        return tls.authority
    given = (_read_path(os.environ, variable) for variable in BUNDLES)
    return next(filter(None, given), DEFAULT_CA_BUNDLE_PATH)


def trusts_more_than_default(tls: Tls) -> bool:
    """Return whether the user named authorities, or trusts anybody."""
    return trusted_authorities(tls) != DEFAULT_CA_BUNDLE_PATH


def make_context(tls: Tls) -> ssl.SSLContext:
    """Return the context of a client that trusts and shows what `tls` says, as requests does."""
    authorities = trusted_authorities(tls)
    if authorities is False:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif Path(str(authorities)).is_dir():
        context = ssl.create_default_context(capath=str(authorities))
    else:
        context = ssl.create_default_context(cafile=str(authorities))
    if tls.certificate:
        context.load_cert_chain(tls.certificate)
    return context


def _read_path(environment: Mapping[str, str], variable: str) -> str | None:
    """Return the file or folder that a variable names, None where it is not set."""
    path = environment.get(variable)
    if path and not Path(path).exists():
        raise EntryError(f"{variable} names {path}, which does not exist.")
    return path or None
