"""Which apps a Slack channel belongs to."""

from __future__ import annotations

from dataclasses import dataclass

from tengu.config.model import Settings
from tengu.ports.chat import Chat


@dataclass(frozen=True)
class Channels:
    """Compares channels by id; `#name` in tengu.yml is looked up."""

    settings: Settings
    chat: Chat

    def apps_of(self, channel: str) -> tuple[str, ...]:
        """The apps that are announced in the channel with this id; none for a direct message (empty id)."""
        if not channel:
            return ()
        return tuple(name for name, app in self.settings.apps.items() if self._is(app.channel, channel))

    def _is(self, configured: str, channel: str) -> bool:
        return channel == (self.chat.channel_id(configured) if configured.startswith("#") else configured)
