"""Who may do what, decided from facts alone. The rules are the public interface's "Who may".

Codes of refusal: `deactivated`, `not_a_person`, `stranger`, `guest`, `not_in_channel`, `not_a_deployer`, `not_linked`.
"""

from __future__ import annotations

from tengu.domain.people import ChatUser
from tengu.errors import Refused


def full_member(user: ChatUser) -> Refused | None:
    """None for a full member of the workspace that Tengu is installed in."""
    if user.is_deleted:
        return Refused("deactivated", f"{user.name}'s Slack account is deactivated.", "Ask somebody who is still here.")
    if user.is_bot:
        return Refused("not_a_person", "I take commands from people, not from apps.", "Type the command yourself.")
    if user.is_stranger:
        return Refused(
            "stranger", "You belong to another Slack workspace.", "Ask somebody of this workspace to type it."
        )
    if user.is_guest:
        return Refused("guest", "You are a guest in this Slack workspace.", "Ask a full member to type it.")
    return None


def member(user: ChatUser, app: str, channel: str, *, in_channel: bool) -> Refused | None:
    """May this person give the commands that every member of the app's channel may give?

    Args:
        channel: the app's channel as tengu.yml says it, `#name` or id, to tell people where to go.
    """
    refusal = full_member(user)
    if refusal is not None or in_channel:
        return refusal
    return Refused("not_in_channel", f"You are not in the channel of {app}, {channel}.", "Join it and ask again.")


def deployer(
    user: ChatUser, app: str, environment: str, channel: str, *, restricted: bool, is_deployer: bool, in_channel: bool
) -> Refused | None:
    """May this person change what runs?

    Args:
        restricted: the environment lists `deployers`; being in the channel then neither helps nor is needed.
        is_deployer: the person is one of them, alone or through a user group.
    """
    if not restricted:
        return member(user, app, channel, in_channel=in_channel)
    refusal = full_member(user)
    if refusal is not None or is_deployer:
        return refusal
    return Refused(
        "not_a_deployer",
        f"You are not one of the deployers of {environment} of {app}.",
        f"Ask one of them to type it in the channel, {channel}.",
    )


def merger(login: str, app: str, environment: str, *, restricted: bool, is_deployer: bool) -> Refused | None:
    """May what this GitHub account merged be deployed?

    Args:
        is_deployer: the account's *proven* Slack user is one of the deployers.
    """
    if not restricted or is_deployer:
        return None
    return Refused(
        "not_a_deployer",
        f"{login}, who merged this, is not known to be one of the deployers of {environment} of {app}.",
        f"A deployer can start it with `resume {environment} {app}`.",
    )


def not_linked() -> Refused:
    """Merging through Tengu takes a GitHub account that is proven to be this person's."""
    return Refused(
        "not_linked",
        "I do not know for sure which GitHub account is yours, and merging uses my own right to write.",
        "Have whoever runs me add it to `users:` in tengu.yml, or merge the pull request on GitHub.",
    )
