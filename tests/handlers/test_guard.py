# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Schemes of our own in front of what httpd itself serves."""
import base64
import hashlib
import hmac
import json
import time

from mod_python import Cookie, apache

KEY = b"a key of the tests"


def _unpack(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _claims(token):
    """What a signed token says, None if it is not one of ours."""
    try:
        head, body, signature = token.split(".")
        expected = hmac.new(KEY, f"{head}.{body}".encode(),
                            hashlib.sha256).digest()
        if not hmac.compare_digest(expected, _unpack(signature)):
            return None
        if json.loads(_unpack(head)).get("alg") != "HS256":
            return None
        claims = json.loads(_unpack(body))
        if not isinstance(claims, dict) or claims["exp"] <= time.time():
            return None
        return claims
    except (ValueError, KeyError, AttributeError):
        return None


def _challenge(req, error):
    req.err_headers_out["WWW-Authenticate"] = (
        f'Bearer realm="{req.auth_name()}"{error}')
    return apache.HTTP_UNAUTHORIZED


def bearer(req):
    """Authorization: Bearer <signed token>"""
    scheme, _, token = req.headers_in.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return _challenge(req, "")
    claims = _claims(token.strip())
    if claims is None:
        return _challenge(req, ', error="invalid_token"')
    req.user = claims["sub"]
    req.ap_auth_type = "Bearer"
    return apache.OK


def cookie(req):
    """A cookie that carries the same token."""
    found = Cookie.get_cookies(req).get("login")
    claims = _claims(found.value) if found is not None else None
    if claims is None:
        return apache.HTTP_FORBIDDEN
    req.user = claims["sub"]
    return apache.OK


def writer(req):
    """Whoever is not a writer may look only."""
    if req.user == "writer" or req.method in ("GET", "OPTIONS", "PROPFIND"):
        return apache.OK
    return apache.HTTP_FORBIDDEN
