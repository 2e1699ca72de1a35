"""What one process works with: settings, store, pipeline, work list.

Making it opens nothing; the database is prepared and the models are loaded when they are first needed.
"""

from __future__ import annotations

import threading
from functools import cached_property

from voc.access import Access
from voc.curation import Curation
from voc.digest import Digester
from voc.facts import FactTable
from voc.history import History
from voc.hooks import HooksFile
from voc.metrics import Metrics
from voc.organization import Organization
from voc.pipeline import Instance, PipelineHolder
from voc.settings import Settings
from voc.store import Store
from voc.uploads import Uploads
from voc.webhooks import Deliverer
from voc.worklist import WorkList


class Services:
    """Shared by the HTTP service and the command line."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pipelines = PipelineHolder(settings, self._revision, self.instance)
        self._store = Store(settings.db, settings.busy_timeout_ms)
        self._prepared = False
        self._lock = threading.Lock()

    @property
    def store(self) -> Store:
        """The store, its schema brought up to date at the first use."""
        with self._lock:
            if not self._prepared:
                self._store.prepare()
                self._prepared = True
        return self._store

    @property
    def prepared(self) -> bool:
        """Whether the store was opened, and so its schema is this version's."""
        return self._prepared

    def close(self) -> None:
        """Closes this thread's connection to the database."""
        self._store.close()

    def _revision(self) -> tuple[int, ...]:
        """Of the installation's own topics and heads; none while there is no database."""
        return self.store.revision() if self.settings.db.exists() else (0, 0, 0)

    def instance(self) -> Instance:
        """What this installation decided and learned for itself; nothing while there is no database."""
        if not self.settings.db.exists():
            return Instance(revision=(0, 0, 0))
        revision = self.store.revision()
        models = self.store.models
        return Instance(self.store.topics.read(), models.files(), models.base(), revision)

    @cached_property
    def access(self) -> Access:
        """Who may come in: keys, people, sessions."""
        return Access(self.store, self.settings.session_hours)

    @cached_property
    def metrics(self) -> Metrics:
        """What this process counts."""
        return Metrics()

    @cached_property
    def curation(self) -> Curation:
        """What people decide about topics."""
        return Curation(self.store, self.pipelines)

    @cached_property
    def history(self) -> History:
        """History judged again."""
        return History(self.store, self.pipelines)

    @cached_property
    def hooks(self) -> HooksFile:
        """What the operator says of the hooks."""
        return HooksFile(self.settings.hooks)

    @cached_property
    def facts(self) -> FactTable:
        """What reports count over."""
        return FactTable(self.store)

    @property
    def organization(self) -> Organization:
        """The organization as the pipeline has it; read from its file while no pipeline is opened."""
        pipeline = self.pipelines.current
        return pipeline.router.organization if pipeline else Organization.read(self.settings.organization)

    @cached_property
    def worklist(self) -> WorkList:
        """The work list of this process."""
        return WorkList(self.store, self.pipelines, self.settings, self.metrics)

    @cached_property
    def digester(self) -> Digester:
        """Writes departments their week, and sends this process's share."""
        return Digester(self.store, self.settings, self.pipelines, self.facts)

    @cached_property
    def uploads(self) -> Uploads:
        """Files that people bring, read by this process."""
        return Uploads(self.store, self.worklist, self.settings)

    @cached_property
    def webhooks(self) -> Deliverer:
        """Sends this process's share of the events."""
        return Deliverer(self.store, self.settings)
