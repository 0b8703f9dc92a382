"""A small OpenID provider over real HTTP, with a key of its own: it checks PKCE, and may be told to lie."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "worklist", "a-client-secret"


class OpenIdProvider:
    """Vouches for one person; `claims` go over those of a good ID token, and None takes one away."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "of-now", "use": "sig"})
        #: What tokens are signed with, when it is not the key that is published.
        self.signs_with = self.key
        self.algorithm = "RS256"
        self.claims: dict[str, Any] = {}
        self.changes: Callable[[dict[str, Any]], dict[str, Any]] = lambda metadata: metadata
        self._codes: dict[str, dict[str, str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def let_in(self, url: str) -> dict[str, str]:
        """Do what a person does at the authorisation endpoint; gives the query that the browser comes back with."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe()
        self._codes[code] = asked
        return {"code": code, "state": asked["state"]}

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Answer the token endpoint: each code once, to the client that asked, with the verifier of its challenge."""
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).rstrip(b"=")
        expected = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        is_good = asked is not None and asked["code_challenge"] == challenge.decode() and authorization == expected
        if asked is None or not is_good or form["redirect_uri"] != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self.id_token(asked["nonce"])}

    def id_token(self, nonce: str) -> str:
        """Sign a token."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "person-1",
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "preferred_username": "clara",
            "groups": ["staff", "radiology"],
        } | self.claims
        kept = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.algorithm, "kid": "of-now"}
        return jwt.encode(header, kept, self.signs_with, algorithms=[self.algorithm])

    def describe(self, path: str) -> dict[str, Any] | None:
        """Answer what is public."""
        if path == "/.well-known/openid-configuration":
            ends = {f"{name}_endpoint": f"{self.issuer}/{name}" for name in ("authorization", "token")}
            return self.changes({"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **ends})
        return {"keys": [self.key.as_dict(private=False)]} if path == "/keys" else None

    def _handler(provider) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - `self` is the request's below
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = provider.describe(self.path)
                self._answer(200 if found is not None else 404, found)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(body).items()}
                self._answer(*provider.token(form, self.headers.get("Authorization", "")))

            def _answer(self, status: int, content: Any) -> None:
                written = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(written)))
                self.end_headers()
                self.wfile.write(written)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler
