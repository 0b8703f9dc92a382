"""OpenID Connect, as a relying party: authorisation code with PKCE, state and nonce (OpenID Connect Core 1.0, 3.1)."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.common.security import generate_token
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from config.oidc import OidcSettings
from config.section import is_loopback_url
from domain.errors import PeerUnavailable, Rejected
from domain.reading import Role

_DISCOVERY = "/.well-known/openid-configuration"
_TIMEOUT_SECONDS = 10.0
#: Seconds that the provider's clock may differ.
_LEEWAY_SECONDS = 30
#: Asymmetric alone: with HS256 the client secret would be the key, and "none" is none.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
#: A PKCE verifier has 43 to 128 characters (RFC 7636 section 4.1).
_VERIFIER_LENGTH, _TOKEN_LENGTH = 64, 32
_LONGEST_NAME = 64


class NotVouchedFor(Rejected):
    """The provider's answer signs nobody in; the words are for who tried, and quote nothing of it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one attempt at signing in is held against; the browser keeps it in a cookie."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Vouched:
    """Somebody whom the provider vouches for."""

    subject: str
    name: str
    role: Role


class OidcProvider:
    """The way to one provider; safe for threads."""

    def __init__(self, settings: OidcSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._metadata: dict[str, Any] | None = None

    def begin(self) -> tuple[str, Attempt]:
        """Give where the browser goes, and what to hold its return against. Raises PeerUnavailable."""
        attempt = Attempt(
            generate_token(_TOKEN_LENGTH), generate_token(_TOKEN_LENGTH), generate_token(_VERIFIER_LENGTH)
        )
        endpoint = self._endpoint("authorization_endpoint")
        with self._client() as client:
            url, _ = client.create_authorization_url(
                endpoint, state=attempt.state, nonce=attempt.nonce, code_verifier=attempt.verifier
            )
        return url, attempt

    def finish(self, code: str, attempt: Attempt) -> Vouched:
        """Exchange the code, and check the ID token. Raises NotVouchedFor, PeerUnavailable."""
        try:
            with self._client() as client:
                endpoint = self._endpoint("token_endpoint")
                token = client.fetch_token(endpoint, code=code, code_verifier=attempt.verifier)
            claims = self._claims(str(token.get("id_token", "")), str(token.get("access_token", "")), attempt.nonce)
        except httpx.HTTPError as error:
            raise PeerUnavailable(f"the OpenID provider cannot be reached: {type(error).__name__}") from error
        except (AuthlibBaseError, JoseError, ValueError) as error:
            raise NotVouchedFor(f"The provider's answer cannot be relied on ({type(error).__name__}).") from error
        return self._vouched(claims)

    def _claims(self, id_token: str, access_token: str, nonce: str) -> CodeIDToken:
        settings = self._settings
        keys = KeySet.import_key_set({"keys": self._fetch(self._endpoint("jwks_uri")).get("keys", [])})
        decoded = jwt.decode(id_token, keys, algorithms=list(_ALGORITHMS))
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            {
                "iss": {"essential": True, "value": settings.issuer},
                "aud": {"essential": True, "value": settings.client_id},
                "nonce": {"essential": True, "value": nonce},
            },
            {"client_id": settings.client_id, "nonce": nonce, "access_token": access_token},
        )
        claims.validate(leeway=_LEEWAY_SECONDS)
        return claims

    def _vouched(self, claims: Mapping[str, Any]) -> Vouched:
        settings = self._settings
        name = claims.get(settings.name_claim)
        if not isinstance(name, str) or not name.isprintable() or not 0 < len(name) <= _LONGEST_NAME:
            raise NotVouchedFor(f"The provider gives no name for you ({settings.name_claim}).")
        return Vouched(str(claims["sub"]), name, self._role(claims))

    def _role(self, claims: Mapping[str, Any]) -> Role:
        settings = self._settings
        found = _values(claims, settings.role_claim)
        if found & set(settings.admin_values):
            return Role.ADMIN
        if found & set(settings.reader_values):
            return Role.READER
        raise NotVouchedFor("You are known there, but have no role here. Ask whoever administers the worklist.")

    def _client(self) -> OAuth2Client:
        settings = self._settings
        secret = settings.client_secret.get_secret_value()
        return OAuth2Client(
            client_id=settings.client_id,
            client_secret=secret or None,
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            scope=" ".join(settings.scopes),
            redirect_uri=settings.redirect_url,
            code_challenge_method="S256",
            timeout=_TIMEOUT_SECONDS,
        )

    def _endpoint(self, name: str) -> str:
        with self._lock:
            if self._metadata is None:
                self._metadata = self._discovered()
            url = self._metadata.get(name)
        if not isinstance(url, str) or not (url.startswith("https://") or is_loopback_url(url)):
            raise PeerUnavailable(f"the OpenID provider names no {name} by https")
        return url

    def _discovered(self) -> dict[str, Any]:
        """Read the provider's description once (OpenID Connect Discovery 1.0, 4.3: it must name itself as we do)."""
        found = self._fetch(self._settings.issuer.rstrip("/") + _DISCOVERY)
        if found.get("issuer") != self._settings.issuer:
            raise PeerUnavailable("the OpenID provider names itself otherwise than worklist.oidc.issuer")
        return found

    @staticmethod
    def _fetch(url: str) -> dict[str, Any]:
        try:
            answer = httpx.get(url, timeout=_TIMEOUT_SECONDS)
            found = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise PeerUnavailable(f"the OpenID provider cannot be reached: {type(error).__name__}") from error
        if not isinstance(found, dict):
            raise PeerUnavailable("the OpenID provider describes itself in no known form")
        return found


def _values(claims: Mapping[str, Any], claim: str) -> set[str]:
    """Give the texts of a claim: by its whole name, or by a path of names between dots."""
    value: Any = claims.get(claim)
    if value is None:
        value = claims
        for name in claim.split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
    listed = value if isinstance(value, list) else [value]
    return {one for one in listed if isinstance(one, str)}
