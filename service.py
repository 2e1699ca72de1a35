"""The WSGI entry, for any WSGI server: ``service:app``. Settings come from ``VOC_*`` variables."""

from voc.app import create_app

app = create_app()
app.configure_logs()
app.start_background()
