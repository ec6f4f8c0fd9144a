"""In the cloud no private address is asked, which is a rule of the CDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from integration_tests.faults.test_faults import Catcher
from integration_tests.support.process import catalog, file, run
from integration_tests.support.reading import config_for

if TYPE_CHECKING:
    from pathlib import Path

    from integration_tests.gitlab.launch import Emulator


@pytest.mark.parametrize("mode", ["cloud", "CLOUD"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_private_address_is_not_asked(
    gitlab: Emulator, tmp_path: Path, mode: str, scheme: str
) -> None:
    """Neither by a read, nor by a check, nor by a sync; and it is said in one sentence."""
    with Catcher() as inside:
        address = inside.url.replace("http:", f"{scheme}:")
        config: dict[str, Any] = {**config_for(gitlab), "api_url": address}
        path = file(tmp_path, "config.json", config)
        wanted = file(tmp_path, "catalog.json", catalog("issues"))
        done = run("read", "--config", path, "--catalog", wanted, DEPLOYMENT_MODE=mode)
        checked = run("check", "--config", path, DEPLOYMENT_MODE=mode)
        copy = tmp_path / "copy.duckdb"
        synced = run("sync", "--config", path, "--to", copy, DEPLOYMENT_MODE=mode)
        assert not inside.asked
    told = "only https is allowed" if scheme == "http" else "private network"
    assert done.code == 1
    assert any(told in error["message"] for error in done.errors)
    assert told in checked.check["message"]
    assert synced.code != 0
    assert told in synced.stdout + synced.stderr


def test_the_endpoint_of_tokens_is_not_asked_either(gitlab: Emulator, tmp_path: Path) -> None:
    """A refresh token does not go where a request may not."""
    credentials = {
        "auth_type": "oauth2.0",
        "client_id": "some-client-id",
        "client_secret": "some-client-secret",
        "access_token": "some-access-token",
        "refresh_token": "some-refresh-token",
        "token_expiry_date": "2020-01-01T00:00:00Z",
    }
    before = gitlab.requests(0)["total"]
    config = {"api_url": gitlab.url, "credentials": credentials}
    path = file(tmp_path, "config.json", config)
    ended = run("check", "--config", path, DEPLOYMENT_MODE="cloud")
    assert ended.check["status"] == "FAILED"
    assert gitlab.requests(0)["total"] == before


def test_elsewhere_it_may_be_asked(gitlab: Emulator, tmp_path: Path) -> None:
    """On the user's own machine."""
    path = file(tmp_path, "config.json", config_for(gitlab, groups_list=["acme"]))
    ended = run("check", "--config", path, DEPLOYMENT_MODE="oss")
    assert ended.check["status"] == "SUCCEEDED"
