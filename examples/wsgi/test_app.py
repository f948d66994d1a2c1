from pathlib import Path

HERE = Path(__file__).parent
CONFIG = f'Define SITE "{HERE}"\n' + (HERE / "site.conf").read_text()


def test_application(httpd_server):
    server = httpd_server(config=CONFIG)
    answer = server.get("/app/page?name=%3Cjoe%3E")
    assert answer.status == 200
    assert answer.text == "<h1>Hello &lt;joe&gt;</h1>\n<p>/page</p>\n"
    assert server.post("/app/page").status == 405


def test_times_are_logged(httpd_server):
    server = httpd_server(config=CONFIG)
    server.write("file.txt", "text")
    assert server.get("/file.txt").body == b"text"
    server.get("/app/")
    server.log.expect(r"GET /file.txt: \d+\.\d ms")
    server.log.expect(r"GET /app/: \d+\.\d ms")
