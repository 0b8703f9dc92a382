"""Settings of signing in by OpenID Connect; off as long as there is no issuer."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import SecretStr, model_validator

from config.section import Section, is_loopback_url


class OidcSettings(Section):
    """The provider, what it knows us by, and which of its people may do what."""

    issuer: str
    client_id: str
    client_secret: SecretStr
    redirect_url: str
    scopes: tuple[str, ...]
    name_claim: str
    role_claim: str
    reader_values: tuple[str, ...]
    admin_values: tuple[str, ...]

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if not self.is_on:
            return self
        if not (self.client_id and self.redirect_url and self.name_claim and self.role_claim):
            message = "issuer needs client_id, redirect_url, name_claim and role_claim"
            raise ValueError(message)
        if not (self.reader_values or self.admin_values):
            message = "nobody could sign in: reader_values and admin_values say whose role_claim lets them"
            raise ValueError(message)
        for name, url in (("issuer", self.issuer), ("redirect_url", self.redirect_url)):
            if not _is_safe(url):
                message = f"{name} must begin with https:// (http:// on this machine alone)"
                raise ValueError(message)
        if not urlsplit(self.redirect_url).path.endswith("/oidc/callback"):
            message = "redirect_url is the address of the page, as browsers see it, and /oidc/callback"
            raise ValueError(message)
        if "openid" not in self.scopes:
            message = "scopes must hold openid"
            raise ValueError(message)
        return self

    @property
    def is_on(self) -> bool:
        """Whether it is offered."""
        return bool(self.issuer)


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback_url(url)))
