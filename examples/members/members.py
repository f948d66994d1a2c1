"""Users from a file: authenhandler asks who it is, authzhandler what they may."""

import hashlib
import hmac
import os

COST = {"n": 2**14, "r": 8, "p": 1}


def hashed(password, salt):
    return hashlib.scrypt(password.encode(), salt=bytes.fromhex(salt), **COST).hex()


def is_user(file, name, password):
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            user, salt, known = line.strip().split(":")
            if user == name:
                return hmac.compare_digest(known, hashed(password, salt))
    return False


def authenhandler(req):
    from mod_python import apache

    password = req.get_basic_auth_pw()  # sets req.user, too
    users = req.get_options()["members.users"]
    if password is not None and is_user(users, req.user, password):
        return apache.OK
    return apache.HTTP_UNAUTHORIZED


def authzhandler(req):
    from mod_python import apache

    if req.method in ("GET", "HEAD") or req.user == "joe":
        return apache.OK
    return apache.HTTP_FORBIDDEN


if __name__ == "__main__":
    import getpass
    import sys

    salt = os.urandom(16).hex()
    print(f"{sys.argv[1]}:{salt}:{hashed(getpass.getpass(), salt)}")
