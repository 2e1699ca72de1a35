"""Where the work of a command is done: here, or by a cluster that is there already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from voc.cli.shared import Context

if TYPE_CHECKING:
    from voc.cluster import Cluster

dask_option = click.option(
    "--dask",
    metavar="ADDRESS",
    help="Dask scheduler whose workers do the work, such as tcp://10.0.0.7:8786, or `local` for one process "
    "per core of this machine. Needs the extra voc[cluster].",
)


@contextmanager
def cluster_at(context: Context, address: str | None) -> Iterator[Cluster | None]:
    """The cluster of ``--dask`` with this installation's pipeline on every worker; None without an address.

    Raises:
        VocError: see `voc.cluster.opened`.
    """
    if address is None:
        yield None
        return
    from voc.cluster import opened, require_dask

    require_dask()
    services = context.services
    version = services.pipelines.get().version
    with opened(address, context.settings, services.instance(), version) as cluster:
        yield cluster
