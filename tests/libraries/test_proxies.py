"""Requests to the API server go through the proxy that kubectl would choose.

The results are those of golang.org/x/net/http/httpproxy v0.47.0, FromEnvironment().ProxyFunc().
"""

from __future__ import annotations

import pytest

from kube.proxies import find_proxy

PROXY = "http://proxy:3128"
SERVER = "https://api.example.com:6443"


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": PROXY}, PROXY),
        ({"HTTPS_PROXY": "http://upper:1", "https_proxy": "http://lower:1"}, "http://upper:1"),
        ({"HTTPS_PROXY": "", "https_proxy": "http://lower:1"}, "http://lower:1"),
        ({"https_proxy": "proxy:3128"}, PROXY),
        ({"https_proxy": "socks5://proxy:1080"}, "socks5://proxy:1080"),
        ({"HTTP_PROXY": PROXY}, None),
        ({"ALL_PROXY": PROXY}, None),
    ],
)
def test_the_variable_of_the_scheme_counts_and_its_upper_case_name_wins(
    environment: dict[str, str], proxy: str | None
) -> None:
    assert find_proxy(SERVER, environment) == proxy


@pytest.mark.parametrize(
    ("server", "exceptions", "direct"),
    [
        (SERVER, "*", True),
        (SERVER, "other.example, *", True),
        (SERVER, " example.com , other.example", True),
        (SERVER, "EXAMPLE.com", True),
        (SERVER, ".example.com", True),
        (SERVER, "*.example.com", True),
        (SERVER, "*com", False),
        (SERVER, "api.example.com", True),
        (SERVER, "example.com:6443", True),
        (SERVER, "example.com:443", False),
        ("https://api.example.com", "example.com:443", True),
        (SERVER, "ample.com", False),
        (SERVER, "example.com other.example", False),
        ("https://example.com:6443", ".example.com", False),
        ("https://example.com:6443", "example.com", True),
        ("https://10.1.2.3:6443", "10.0.0.0/8", True),
        ("https://10.1.2.3:6443", "10.1.2.9/24", True),
        ("https://10.1.2.3:6443", "10.1.2.0/29, 10.1.3.0/24", True),
        ("https://10.1.2.3:6443", "10.1.2.3/", False),
        ("https://10.1.2.3:6443", "10.1.2.3", True),
        ("https://10.1.2.3:6443", "10.1.2.3:6443", True),
        ("https://10.1.2.3:6443", "10.1.2.3:443", False),
        ("https://10.1.2.3:6443", "1.2.3", False),
        ("https://[2001:db8::7]:6443", "2001:db8::/32", True),
        ("https://[2001:db8::7]:6443", "2001:db8::7", True),
        ("https://[2001:db8::7]:6443", "[2001:db8::7]:6443", True),
        ("https://[2001:db8::7]:6443", "[2001:db8::7]:443", False),
        ("https://127.0.0.1:6443", "", True),
        ("https://127.9.9.9:6443", "", True),
        ("https://[::1]:6443", "", True),
        ("https://localhost:6443", "", True),
    ],
)
@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_no_proxy_is_read_as_kubectl_reads_it(server: str, exceptions: str, direct: bool, name: str) -> None:
    assert (find_proxy(server, {"https_proxy": PROXY, name: exceptions}) is None) is direct


def test_of_two_lists_of_exceptions_the_upper_case_one_counts() -> None:
    environment = {"https_proxy": PROXY, "NO_PROXY": "other.example", "no_proxy": "example.com"}
    assert find_proxy(SERVER, environment) == PROXY
