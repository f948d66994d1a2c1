from base64 import b64encode
from pathlib import Path

import pytest

from mod_python.testing import Server

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def server():
    config = f'Define SITE "{HERE}"\n' + (HERE / "site.conf").read_text()
    with Server(config=config) as made:
        yield made


def login(name, password):
    return {"Authorization": "Basic " + b64encode(
        f"{name}:{password}".encode()).decode()}


@pytest.mark.parametrize("name, password, status", [
    ("joe", "eoj", 200), ("ann", "nna", 200), ("joe", "nna", 401), ("", "", 401)])
def test_reading(server, name, password, status):
    answer = server.get("/private/plans.txt", headers=login(name, password))
    assert answer.status == status
    assert (b"plans" in answer.body) == (status == 200)


def test_without_a_name(server):
    answer = server.get("/private/plans.txt")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="members"'


def test_changing(server):
    for name, password, status in (("ann", "nna", 403), ("joe", "eoj", 405)):
        answer = server.request("DELETE", "/private/plans.txt",
                                headers=login(name, password))
        assert answer.status == status  # 405: httpd itself deletes nothing
