"""Key pairs of services, laid out for tests as a stack lays them out."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.security.signatures import PublicKeys, Signer, new_signing_key, public_signing_key


@dataclass(frozen=True)
class KeyPairs:
    """The private key of each service, and the folder with the public keys of all."""

    folder: Path

    @classmethod
    def lay(cls, folder: Path, *services: str) -> "KeyPairs":
        """Make the pairs of some services."""
        pairs = cls(folder)
        pairs.public.mkdir(parents=True, exist_ok=True)
        for service in services:
            pairs.renew(service)
        return pairs

    @property
    def public(self) -> Path:
        """The folder with the public keys."""
        return self.folder / "public-keys"

    def private(self, service: str) -> Path:
        """The private key's file."""
        return self.folder / f"{service}.signing.key"

    def renew(self, service: str, *, keep: int = 1) -> None:
        """Make a new pair; `keep` public keys before stay."""
        key, public = new_signing_key(), self.public / f"{service}.json"
        before = json.loads(public.read_text())["keys"] if public.exists() else []
        self.private(service).write_text(json.dumps(key))
        public.write_text(json.dumps({"keys": [public_signing_key(key), *before[:keep]]}))

    def signer(self, service: str) -> Signer:
        """What signs in the name of a service."""
        return Signer.read(service, self.private(service))

    def verifier(self) -> PublicKeys:
        """What checks the tokens of all."""
        return PublicKeys(self.public)

    def settings(self, service: str) -> dict[str, Any]:
        """The settings of a service."""
        return {"signing_key_file": self.private(service), "public_keys_dir": self.public}


def a_signer(folder: Path, service: str) -> Signer:
    """Return what signs in the name of a service, with a key of its own."""
    return KeyPairs.lay(folder / "signing", service).signer(service)
