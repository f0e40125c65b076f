"""How Voxlate speaks to an archive: its own title, time-outs, TLS and credentials, from a file or the environment.

Nothing secret stands on the command line, where every user of a machine can read it.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator, model_validator

from voxlate.config.forms import filled
from voxlate.errors import UsageError
from voxlate.io.archive.address import is_title
from voxlate.plainyaml import read_yaml
from voxlate.strict import StrictModel

_CONNECTION = "VOXLATE_CONNECTION"
"""The environment variable that names the file."""
_SECRETS = {"user": "VOXLATE_ARCHIVE_USER", "password": "VOXLATE_ARCHIVE_PASSWORD", "token": "VOXLATE_ARCHIVE_TOKEN"}
"""Environment variables, which hold where the file says nothing else."""


def _titled(text: str) -> str:
    if not is_title(text):
        raise ValueError("an AE title has 1 to 16 characters of ASCII, no backslash, and no space at an end")
    return text


Title = Annotated[str, AfterValidator(_titled)]
"""Name of an application on a DICOM network."""


class Connection(StrictModel):
    """What a file of a connection says; every field has a default."""

    title: Title = Field("VOXLATE", description="The AE title that Voxlate calls itself by.")
    move_port: int = Field(
        0, ge=0, le=65535, description="Where C-MOVE sends to on this machine, as the archive knows; 0: C-GET instead."
    )
    bind: str = Field("127.0.0.1", description="The address of this machine at which `move_port` is open.")
    ca: Path | None = Field(None, description="Certificates that the other side is to be signed by; else the system's.")
    certificate: Path | None = Field(None, description="This side's certificate, with `key`.")
    key: Path | None = Field(None, description="The key of `certificate`.")
    user: str | None = Field(None, description="For DICOMweb, with `password`.")
    password: SecretStr | None = Field(None, description="For DICOMweb.")
    token: SecretStr | None = Field(None, description="For DICOMweb: sent as a bearer.")
    timeout_s: float = Field(30.0, gt=0, le=3600, description="How long silence is waited for.")
    tries: int = Field(3, ge=1, le=10, description="How often a request is made until it is given up.")
    retry_after_s: float = Field(1.0, ge=0, le=600, description="The pause before a second try; it doubles.")

    @field_validator("ca", "certificate", "key", mode="after")
    @classmethod
    def _from_the_file(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        """Paths count from the file's folder."""
        return path if path is None else (info.context or {}).get("folder", Path()) / path

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate and its key go together")
        if (self.user is None) != (self.password is None):
            raise ValueError("a user and a password go together")
        if self.user is not None and self.token is not None:
            raise ValueError("either a user with a password, or a token")
        return self

    @property
    def has_secret(self) -> bool:
        """Whether credentials are sent."""
        return self.token is not None or self.password is not None

    def client_tls(self) -> ssl.SSLContext:
        """What checks the other side, and shows it this side's certificate if there is one.

        Raises:
            UsageError: If a certificate cannot be read.
        """
        return self._certified(lambda: ssl.create_default_context(cafile=self.ca))

    def server_tls(self) -> ssl.SSLContext | None:
        """What shows a caller this side's certificate, and asks for the caller's if ``ca`` is given; or nothing.

        Raises:
            UsageError: If a certificate cannot be read.
        """
        return None if self.certificate is None else self._certified(self._serving)

    def _serving(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if self.ca is not None:
            context.load_verify_locations(self.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _certified(self, make: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        try:
            context = make()
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except OSError as error:  # SSLError is one
            where = next(filter(None, (self.certificate, self.ca)), "")
            came = f"what cannot be read ({error.strerror or type(error).__name__})"
            remedy = "Check ca, certificate and key of the connection."
            raise UsageError("certificates in PEM", came=came, where=where, remedy=remedy) from None
        return context


def connection_from(path: Path | None, environment: Mapping[str, str] = os.environ) -> Connection:
    """The connection that a file describes, or the environment.

    Args:
        path: The file; ``None`` for that which ``VOXLATE_CONNECTION`` names, or none.
        environment: Where credentials are looked for that the file has not.

    Raises:
        UsageError: If a field is wrong, or a file with a secret can be read by others.
    """
    named = environment.get(_CONNECTION)
    path = path or (Path(named) if named else None)
    where = path or Path(_CONNECTION)
    values = {} if path is None else _read(path)
    if not isinstance(values, dict):
        remedy = "Write a field and its value in each line: timeout_s: 30."
        raise UsageError("the fields of a connection", came=type(values).__name__, where=where, remedy=remedy)
    if not values.keys() & _SECRETS.keys():
        values |= {name: environment[key] for name, key in _SECRETS.items() if environment.get(key)}
    elif path is not None and path.stat().st_mode & 0o077:
        remedy = f"Let nobody else read it: chmod 600 {path}."
        raise UsageError("a file with a secret that its owner alone can read", came="one that others can", where=path,
                         remedy=remedy)  # fmt: skip
    return filled(Connection, values, what="fields of a connection", where=where)


def _read(path: Path) -> object:
    """What stands in the file; a message of the parser's would show lines of it."""
    try:
        return read_yaml(path) or {}
    except UsageError as error:
        if error.expected != "YAML":
            raise
        remedy = "Correct the syntax: a field and its value in each line."
        raise UsageError("YAML", came="a file that is none", where=path, remedy=remedy) from None
