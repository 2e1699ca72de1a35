"""The tree of errors. Every error that leaves the service has one body: code, message, field.

    VocError
    ├── InvalidInput            the sender can mend it                        422
    │   ├── BodyInvalid         the body is not the JSON it says it is        400
    │   └── BodyTooLarge        the body is over the limit                    413
    ├── Unauthorized            nobody known says this                        401
    ├── Forbidden               who says it may not                           403
    ├── NotFound                nothing has that id or key                    404
    ├── Conflict                the same key holds something else             409
    ├── TooMany                 too often; try again later                    429
    ├── Unavailable             not now; try again                            503
    ├── SettingsError           a setting is unknown or wrong                 start-up
    ├── ArtefactError           a model file is missing or altered            start-up
    └── StoreError              the database cannot be used                   start-up, 503
        └── SchemaTooNew        written by a newer version of voc             start-up

Each edge (HTTP, CLI) translates; nobody else does.
"""

from __future__ import annotations

from typing import Any, ClassVar


class VocError(Exception):
    """Root of the tree.

    Args:
        code: stable, lower-case, words joined by ``_``; programs branch on it.
        message: one sentence for a person.
        field: the path of the value that is wrong, such as ``items[3].text``.
    """

    http_status: ClassVar[int] = 500
    exit_status: ClassVar[int] = 1

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field

    def __reduce__(self) -> tuple[Any, ...]:
        """All three values, so that an error reaches another process whole."""
        return type(self), (self.code, self.message, self.field)

    def body(self) -> dict[str, str | None]:
        """The value that stands under ``error`` in every answer."""
        return {"code": self.code, "message": self.message, "field": self.field}

    def within(self, prefix: str) -> VocError:
        """The same error with ``prefix`` put before its field (``items[3]`` + ``text``)."""
        return type(self)(self.code, self.message, f"{prefix}.{self.field}" if self.field else prefix)


class InvalidInput(VocError):  # noqa: N818  # named for what is wrong, as users read it
    """A value that the sender can mend."""

    http_status = 422


class BodyInvalid(InvalidInput):
    """The body cannot be read as JSON."""

    http_status = 400


class BodyTooLarge(InvalidInput):
    """The body has more bytes than the service takes."""

    http_status = 413


class Unauthorized(VocError):  # noqa: N818
    """The caller gave nothing, or nothing that holds, to be known by."""

    http_status = 401


class Forbidden(VocError):  # noqa: N818
    """The caller is known, or need not be, and may not do this."""

    http_status = 403


class NotFound(VocError):  # noqa: N818
    """Nothing has that id or key."""

    http_status = 404


class Conflict(VocError):  # noqa: N818
    """The same ``(source, external_id)`` already holds another text."""

    http_status = 409


class TooMany(VocError):  # noqa: N818
    """The caller does this too often.

    Args:
        retry_after_s: whole seconds after which to try again, at least 1.
    """

    http_status = 429

    def __init__(self, code: str, message: str, field: str | None = None, *, retry_after_s: int = 1) -> None:
        super().__init__(code, message, field)
        self.retry_after_s = max(1, retry_after_s)


class Unavailable(VocError):  # noqa: N818
    """The service cannot do this now; the sender may try again."""

    http_status = 503


class SettingsError(VocError):
    """A setting is unknown, or its value cannot be used."""

    exit_status = 2


class ArtefactError(VocError):
    """A model file is missing, or is not the one that the manifest names."""

    http_status = 503
    exit_status = 3


class StoreError(VocError):
    """The database cannot be opened, read or written."""

    http_status = 503
    exit_status = 4


class SchemaTooNew(StoreError):  # noqa: N818
    """The database was written by a newer version of voc."""
