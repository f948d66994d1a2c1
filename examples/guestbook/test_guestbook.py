from pathlib import Path
from urllib.parse import urlencode

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def server(httpd_server, tmp_path_factory):
    def configure(directory):
        return (f'Define SITE "{HERE}"\nDefine DATA "{directory}"\n'
                + (HERE / "site.conf").read_text())

    made = httpd_server(config=configure("/nowhere"))
    data = made.root / "data"
    data.mkdir()
    data.chmod(0o777)  # httpd's children may be another user
    made.config = configure(data)
    made.restart()
    return made


def sign(server, **fields):
    return server.post("/index", urlencode(fields), headers={
        "Content-Type": "application/x-www-form-urlencoded"})


def test_sign_and_read(server):
    assert "<article>" not in server.get("/").text
    answer = sign(server, name="joe & ann", text="<b>nice</b>")
    assert answer.status == 302
    assert answer.headers["Location"] == "/index"
    page = server.get("/").text
    assert page.count("<article>") == 1
    assert "<b>joe &amp; ann</b>" in page
    assert "&lt;b&gt;nice&lt;/b&gt;" in page


def test_refused(server):
    assert sign(server, name="joe").status == 400
    assert sign(server, name="j" * 51, text="x").status == 400
    assert server.get("/book.psp").status == 403
    assert server.get("/index/_database").status == 403
