"""Past one machine: tasks on a Dask cluster, in order, each once, whichever worker dies.

Enters: a task that a pipeline does, and items. Leaves: one result per item, same order. What must hold: every
worker opens the same pipeline as the client, or nothing starts; a task is pure, so that one which is done
again by another worker says the same; only the client writes, so that nothing is there twice.
"""

from voc.cluster.client import Cluster, opened, require_dask

__all__ = ["Cluster", "opened", "require_dask"]
