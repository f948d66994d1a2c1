from pathlib import Path

HERE = Path(__file__).parent
CONFIG = f'Define SITE "{HERE}"\n' + (HERE / "site.conf").read_text()


def test_output(httpd_server):
    server = httpd_server(config=CONFIG)
    server.write("notes/a.txt", "one *two* three\n<*4*>")
    answer = server.get("/notes/a.txt")
    assert answer.headers["Content-Type"] == "text/html; charset=UTF-8"
    assert answer.text == "one <em>two</em> three<br>\n&lt;<em>4</em>&gt;"


def test_long_output(httpd_server):
    server = httpd_server(config=CONFIG)
    server.write("notes/long.txt", "*x* y\n" * 50_000)
    assert server.get("/notes/long.txt").text == "<em>x</em> y<br>\n" * 50_000


def test_input(httpd_server):
    server = httpd_server(config=CONFIG)
    assert server.post("/post", b"a secret, secretly").text == "a ******, ******ly"
    for length in (8185, 8190, 100_000):  # wherever the pieces end
        body = server.post("/post", b"x" * length + b"secret" + b"y" * 9000).body
        assert body == b"x" * length + b"******" + b"y" * 9000
