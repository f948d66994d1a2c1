# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Cookies of real requests."""
from __future__ import annotations

from harness.client import Client
from harness.raw import Connection


def cookies(raw: Connection) -> dict[str, str]:
    response = raw.request("/send")
    assert response.all("Cache-Control") == ['no-cache="set-cookie"']
    texts = response.all("Set-Cookie")
    return {text.partition("=")[0]: text for text in texts}


def test_sent(raw: Connection) -> None:
    sent = cookies(raw)
    assert sent["plain"] == "plain=va lue; path=/; httponly"
    assert sent["signed"].endswith("ä")
    assert len(sent["signed"]) == len("signed=") + 64 + 1
    assert sent["marshal"].endswith("; max-age=60")


def test_come_back(raw: Connection, client: Client) -> None:
    sent = cookies(raw)
    header = "; ".join(text.partition(";")[0] for text in sent.values())
    plain = raw.request("/read?plain", headers=[("Cookie", header)]).json()
    assert {name: kind for name, (kind, _) in plain.items()} == {
        "plain": "Cookie", "signed": "Cookie", "marshal": "Cookie"}
    signed = raw.request("/read?signed", headers=[("Cookie", header)]).json()
    assert signed["signed"] == ["SignedCookie", "ä"]
    assert signed["plain"] == ["Cookie", "va lue"]
    marshal = raw.request("/read?marshal",
                          headers=[("Cookie", header)]).json()
    assert marshal["marshal"] == ["MarshalCookie", {"a": [1, "ü"]}]
    assert marshal["signed"] == ["Cookie", "ä"]
    forged = header[:-3] + "AAA"
    marshal = raw.request("/read?marshal",
                          headers=[("Cookie", forged)]).json()
    assert marshal["marshal"][0] == "Cookie"


def test_several_headers_and_odd_bytes(raw: Connection) -> None:
    headers = [("Cookie", b"a=1; b=\xff\xfe"), ("X", "y"),
               ("Cookie", "a=2; c=\t; ;;;=; $d=1"),
               ("Cookie", "e=5")]
    assert raw.request("/read", headers=headers).json() == {
        "a": ["Cookie", "1"], "b": ["Cookie", "\udcff\udcfe"],
        "c": ["Cookie", ""], "e": ["Cookie", "5"]}
    assert raw.request("/one?a", headers=headers).json() == "1"
    assert raw.request("/one?x", headers=headers).json() is None
    assert raw.request("/one?x").json() is None


def test_injection(raw: Connection) -> None:
    response = raw.request("/evil")
    assert response.header("X-Evil") is None
    assert response.header("Set-Cookie") is None
    assert "control character" in response.text
