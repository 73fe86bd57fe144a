"""A member of the demo's staff, who logs in once under each version."""

import re
from typing import Final

import httpx

from tests.live import LiveStack

__all__ = ["StaffSession"]

_FORM: Final = re.compile(
    r'action="(?P<address>/notify/inbox/[0-9a-f-]+)".*?name="key" value="(?P<key>[0-9a-f-]+)"',
    re.DOTALL,
)


class StaffSession:
    """One browser. Each page is opened with it, under whatever version runs.

    The version before keeps a session in a cookie of another name, so each version asks for a login
    of its own, and each finds its own session again.
    """

    def __init__(self, stack: LiveStack, person: str) -> None:
        self._site = stack.url("site")
        self._person = person
        self._client = httpx.Client(timeout=30, headers={"Accept": "text/html"})
        self._log_in()
        self.logins = 1

    def _log_in(self) -> None:
        self._client.post(
            f"{self._site}/notify/login", data={"person": self._person}, follow_redirects=True
        ).raise_for_status()

    def page(self, path: str) -> str:
        """What a page shows; it may send the browser to the login once, under the second version."""
        shown = self._client.get(f"{self._site}{path}")
        if shown.has_redirect_location and self.logins == 1:
            self.logins += 1
            self._log_in()
            shown = self._client.get(f"{self._site}{path}")
        assert shown.status_code == httpx.codes.OK, f"{path}: {shown.status_code}"
        return shown.text

    def inbox(self, reference: str) -> str:
        """What the inbox shows about one case."""
        rows = self.page(f"/notify/inbox?sag={reference}").split("<li ")[1:]
        return "".join(row for row in rows if f"<strong>{reference}</strong>" in row)

    def acknowledge(self, reference: str) -> None:
        """Press the button of the one notice about a case or report."""
        form = _FORM.search(self.inbox(reference))
        assert form is not None, f"no notice of {reference} can be acknowledged"
        answer = self._client.post(
            f"{self._site}{form['address']}",
            data={"key": form["key"]},
            headers={"Origin": self._site},
            follow_redirects=True,
        )
        assert answer.status_code == httpx.codes.OK, answer.text

    def close(self) -> None:
        """Close the connections; the session stays open."""
        self._client.close()
