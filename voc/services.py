"""What one process works with: settings, organization, store, pipeline, work list.

Making it opens nothing; the database is prepared and the models are loaded when they are first needed.
"""

from __future__ import annotations

import threading
from functools import cached_property

from voc.organization import Organization
from voc.pipeline import PipelineHolder
from voc.settings import Settings
from voc.store import Store
from voc.worklist import WorkList


class Services:
    """Shared by the HTTP service and the command line."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pipelines = PipelineHolder(settings)
        self._store = Store(settings.db, settings.busy_timeout_ms)
        self._prepared = False
        self._lock = threading.Lock()

    @cached_property
    def organization(self) -> Organization:
        """The departments and touchpoints."""
        return Organization.read(self.settings.organization)

    @property
    def store(self) -> Store:
        """The store, its schema brought up to date at the first use."""
        with self._lock:
            if not self._prepared:
                self._store.prepare()
                self._prepared = True
        return self._store

    @cached_property
    def worklist(self) -> WorkList:
        """The work list of this process."""
        return WorkList(self.store, self.pipelines, self.settings)
