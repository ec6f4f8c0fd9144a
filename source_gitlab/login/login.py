"""From a sign-in to a profile, and from a profile to nothing."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from source_gitlab.gitlab.oauth import Application, OAuthEndpoints
from source_gitlab.gitlab.transport.pool import Certificates, open_pool
from source_gitlab.login import browser_flow, device_flow
from source_gitlab.login.errors import SignInError
from source_gitlab.tokens.encryption import Purpose
from source_gitlab.tokens.errors import VaultError
from source_gitlab.tokens.location import HOME_VARIABLE, home
from source_gitlab.tokens.model import Contents, SignIn
from source_gitlab.tokens.profiles import Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from source_gitlab.config import Config
    from source_gitlab.gitlab.oauth import Grant


_READS = frozenset({"read_api", "api"})


@dataclass(frozen=True)
class Way:
    """How to sign in: by `device`, or through a browser that comes back to `port` (0: any)."""

    device: bool = False
    port: int = 0
    browser: bool = True


def login(
    config: Config,
    application: Application,
    name: str,
    way: Way,
    say: Callable[[str], object],
) -> Grant:
    """Sign in to the instance of `config`, and keep the tokens in the profile `name`.

    That they can be kept is made sure before anybody is asked to sign in.

    Raises:
        SignInError: nobody signed in, or not with what is needed.
        VaultError: the tokens cannot be kept.
        FatalError: GitLab cannot be reached, or did not give tokens.
    """
    profile = _profile_to_write(config.base_url, application.client_id, name)
    with profile.lock():
        profile.reserve().give_back()
    redirect_uri = None
    with _endpoints(config, application) as endpoints:
        if way.device:
            granted = device_flow.sign_in(endpoints, say)
        else:
            granted, redirect_uri = browser_flow.sign_in(
                endpoints, say, port=way.port, browser=way.browser
            )
    if granted.scopes and not _READS & set(granted.scopes):
        message = (
            f"The application gives the scopes {', '.join(granted.scopes)}, but reading needs "
            "read_api. Tick it on the page of the application, and sign in again."
        )
        raise SignInError(message)
    contents = Contents((SignIn.begun(granted.tokens),), application.client_secret, redirect_uri)
    with profile.lock():
        profile.reserve().fill(contents)
    return granted


def logout(config: Config, profile: Profile) -> None:
    """Revoke the tokens of a profile, then remove it.

    Raises:
        VaultError: the profile cannot be opened.
        FatalError: GitLab could not be asked to revoke them; the profile is still there.
    """
    with profile.lock():
        contents = profile.read()
        if contents is not None:
            secret = contents.client_secret
            application = Application(profile.purpose.client_id, secret)
            with _endpoints(config, application) as endpoints:
                for sign_in in contents.sign_ins:
                    endpoints.revoke(sign_in.tokens.access_token)
                    if sign_in.tokens.refresh_token:
                        endpoints.revoke(sign_in.tokens.refresh_token)
        profile.remove()


def _profile_to_write(base_url: str, client_id: str, name: str) -> Profile:
    place = home()
    if place is None:
        message = f"There is no place to keep the tokens. Set {HOME_VARIABLE} to a directory."
        raise VaultError(message)
    there = Profile.named(place, name, os.environ)
    if there is not None and there.purpose.base_url != base_url:
        message = (
            f"The profile {name} is for {there.purpose.base_url}. Name another one with --profile, "
            "or log out of that one first."
        )
        raise VaultError(message)
    return Profile(place, Purpose(name, base_url, client_id), os.environ)


@contextmanager
def _endpoints(config: Config, application: Application) -> Iterator[OAuthEndpoints]:
    certificates = Certificates(config)
    session = open_pool(config, certificates)
    try:
        if certificates.problem is not None:
            raise certificates.problem
        yield OAuthEndpoints(config.base_url, application, session)
    finally:
        session.close()
        certificates.close()
