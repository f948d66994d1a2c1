# Licensed under the Apache License, Version 2.0; see LICENSE.
"""Hello world with Django, without middleware."""
import django
from django.conf import settings

settings.configure(SECRET_KEY="not secret", ALLOWED_HOSTS=["*"],
                   ROOT_URLCONF=__name__, MIDDLEWARE=[])
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402


def hello(request):
    return HttpResponse("Hello World!\n", content_type="text/plain")


urlpatterns = [path("", hello)]
application = get_wsgi_application()
