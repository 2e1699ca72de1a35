"""The HTTP interface under ``/v1``. Enters: requests. Leaves: JSON; every error has the same body."""
