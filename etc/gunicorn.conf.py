"""For those who start gunicorn themselves instead of by ``ictcore serve``: ``gunicorn --config etc/gunicorn.conf.py``.

Everything follows from ICTCore's settings (``ICTCORE_CONFIG``, ``ICTCORE_HTTP_PORT`` ...); override below what has to
be different.
"""

from ictcore.cli.serve import gunicorn_settings
from ictcore.runtime import load_runtime

globals().update(gunicorn_settings(load_runtime().settings))

wsgi_app = "ictcore.runtime:wsgi()"
accesslog = None  # "-": log every request to the standard output
