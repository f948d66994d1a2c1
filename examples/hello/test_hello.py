from pathlib import Path

HERE = Path(__file__).parent


def test_hello(httpd_server):
    server = httpd_server("hello", path=HERE)
    answer = server.get("/hello")
    assert (answer.status, answer.text) == (200, "Hello World!")
    assert answer.headers["Content-Type"] == "text/plain"
