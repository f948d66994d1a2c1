# Licensed under the Apache License, Version 2.0; see LICENSE.
"""A small site made with Django, in one file; its database is named by the
environment variable SITE_DATABASE."""
from __future__ import annotations

import os

import django
from django.conf import settings

PLACE = os.path.dirname(os.path.abspath(__file__))

settings.configure(
    SECRET_KEY="not secret", DEBUG=False, ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="django_site", USE_TZ=True, APPEND_SLASH=True,
    INSTALLED_APPS=[
        "django.contrib.admin", "django.contrib.auth",
        "django.contrib.contenttypes", "django.contrib.sessions",
        "django.contrib.messages",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.locale.LocaleMiddleware",
        "django.middleware.http.ConditionalGetMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3",
                           "NAME": os.environ.get("SITE_DATABASE", ":memory:"),
                           "OPTIONS": {"timeout": 20}}},
    TEMPLATES=[{
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": [
            "django.template.context_processors.request",
            "django.contrib.auth.context_processors.auth",
            "django.contrib.messages.context_processors.messages",
        ]},
    }],
    LOGGING={
        "version": 1, "disable_existing_loggers": False,
        "handlers": {"console": {"class": "logging.StreamHandler"}},
        "loggers": {"django": {"handlers": ["console"], "level": "ERROR"}},
    },
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
)
django.setup()

from django.contrib import admin  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import (  # noqa: E402
    FileResponse,
    Http404,
    HttpResponse,
    HttpResponseGone,
    JsonResponse,
    StreamingHttpResponse,
)
from django.template import engines  # noqa: E402
from django.urls import path  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402
from django.views.decorators.http import require_http_methods  # noqa: E402
from django.views.static import serve  # noqa: E402

PAGE = engines["django"].from_string("""<!doctype html>
<title>{{ title }}</title><p>{{ text }}</p>
<form method="post">{% csrf_token %}<input name="text"></form>
""")


def index(request):
    return HttpResponse(f"<p>index of {request.build_absolute_uri()}</p>")


def hello(request, name):
    return HttpResponse(f"hello {name}", content_type="text/plain; charset=utf-8")


def form(request):
    return HttpResponse(PAGE.render({
        "title": request.method, "text": request.POST.get("text", "")}, request))


@csrf_exempt
def sent(request):
    return JsonResponse({
        "method": request.method, "GET": dict(request.GET.lists()),
        "POST": dict(request.POST.lists()),
        "FILES": {name: [one.name, one.content_type, one.size]
                  for name, one in request.FILES.items()},
        "path": request.path, "full": request.get_full_path(),
        "secure": request.is_secure(), "host": request.get_host(),
        "agent": request.headers.get("User-Agent")})


@csrf_exempt
def raw(request):
    data = request.read()
    return HttpResponse(data[::-1], content_type="application/octet-stream")


@require_http_methods(["GET", "HEAD"])
def only_get(request):
    return HttpResponse("got")


def stream(request):
    return StreamingHttpResponse((f"line {n}\n" for n in range(500)),
                                 content_type="text/plain")


def download(request):
    return FileResponse(open(os.path.join(PLACE, "big.css"), "rb"),
                        as_attachment=True)


def cookies(request):
    response = JsonResponse(dict(request.COOKIES))
    response.set_cookie("one", "1", httponly=True)
    response.set_signed_cookie("two", "2") if "sign" in request.GET else None
    response.delete_cookie("three")
    return response


def status(request, code):
    return HttpResponse("" if code in (204, 304) else f"status {code}",
                        status=code)


def missing(request):
    raise Http404("nothing here")


def gone(request):
    return HttpResponseGone("gone")


def error(request):
    raise ZeroDivisionError("wanted")


urlpatterns = [
    path("", index), path("hello/<path:name>", hello), path("form/", form),
    path("sent", sent), path("raw", raw), path("get", only_get),
    path("stream", stream), path("download", download),
    path("cookies", cookies), path("status/<int:code>", status),
    path("missing", missing), path("gone", gone), path("error", error),
    path("static/<path:path>", serve, {"document_root": PLACE}),
    path("admin/", admin.site.urls),
]
application = get_wsgi_application()


def make_database():
    """The tables, and somebody who may log in."""
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    User.objects.create_superuser("joe", "joe@example.test", "secret")
