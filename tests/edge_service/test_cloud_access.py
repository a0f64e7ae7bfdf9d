"""The client against real servers with TLS, client certificates and tokens: in, or out with words that help."""

import asyncio
import contextlib
import datetime as dt
import json
import logging

import pytest
import trustme

from edge_service import Agent, AgentConfig, Outcome
from edge_service.cloud.client import GrpcCloud
from edge_service.cloud.seam import Beat
from edge_service.cloud.statuses import DENIED_WAIT_S
from edge_service.errors import CloudDeniedError, CloudUnreachableError, CloudUntrustedError
from split_wire.access import ClientAccess
from split_wire.errors import AccessError

LIMIT_S = 20.0
TOKEN = "t0p-secret-of-the-tests"
OTHER = "another-s3cret-of-the-tests"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def files(tmp_path):
    """Write PEM files of an authority, or of a certificate that it issues; return their paths."""

    def write(issuer, *names, folder="pem", **fields):
        (tmp_path / folder).mkdir(exist_ok=True)
        paths = {name: tmp_path / folder / f"{name}.pem" for name in ("ca", "cert", "key")}
        issuer.cert_pem.write_to_path(paths["ca"])
        if names:
            issued = issuer.issue_cert(*names, **fields)
            paths["cert"].write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
            paths["key"].write_bytes(issued.private_key_pem.bytes())
        return paths

    return write


@pytest.fixture
def tls(files, authority):
    """Settings of a server whose certificate is for 127.0.0.1, and of who trusts it."""
    paths = files(authority, "127.0.0.1")
    return {"tls_cert": paths["cert"], "tls_key": paths["key"]}, ClientAccess(ca=paths["ca"])


@pytest.fixture
def client(two_by_two):
    @contextlib.asynccontextmanager
    async def connected(server, access):
        layers = [layer.name for layer in two_by_two.graph.layers]
        address = f"127.0.0.1:{server.port}"
        fields = {"model": two_by_two.name, "digest": two_by_two.digest, "layers": layers}
        cloud = GrpcCloud(address, **fields, access=access)
        try:
            yield cloud
        finally:
            await cloud.close()

    return connected


async def every_call(cloud):
    """Make each kind of call once; the stream's answer is a heartbeat."""
    await cloud.profile(LIMIT_S)
    await cloud.ping(LIMIT_S)
    await cloud.probe(5000, LIMIT_S)
    tails = cloud.open_tails()
    async for event in tails.events():
        assert isinstance(event, Beat)
        break
    tails.cancel()


async def test_every_call_goes_through_tls_with_the_token(serving, client, two_by_two, tls, tmp_path):
    server_tls, access = tls
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    both = ClientAccess(ca=access.ca, token_file=tmp_path / "token")
    async with serving(two_by_two, **server_tls, token=TOKEN) as server, client(server, both) as cloud:
        await every_call(cloud)


async def test_every_call_shows_the_certificate(serving, client, two_by_two, tls, files, authority):
    server_tls, access = tls
    own = files(authority, "edge-1", folder="own")
    settings = {**server_tls, "tls_client_ca": access.ca}
    shown = ClientAccess(ca=access.ca, certificate=own["cert"], key=own["key"])
    async with serving(two_by_two, **settings) as server:
        async with client(server, shown) as cloud:
            await every_call(cloud)
        async with client(server, access) as cloud:
            with pytest.raises(CloudUnreachableError, match="if it wants to know its clients: --tls-cert"):
                await cloud.profile(LIMIT_S)


async def untrusted(cloud):
    with pytest.raises(CloudUntrustedError, match=r"no connection to the cloud at 127\.0\.0\.1:") as caught:
        await cloud.profile(LIMIT_S)
    return str(caught.value)


async def test_who_signed_it_must_be_known(serving, client, two_by_two, tls, files):
    server_tls, _ = tls
    stranger = ClientAccess(ca=files(trustme.CA(), folder="other")["ca"])
    async with serving(two_by_two, **server_tls) as server:
        async with client(server, stranger) as cloud:
            assert "not signed by an authority that is trusted here; expected --tls-ca" in await untrusted(cloud)
        async with client(server, ClientAccess(tls=True)) as cloud:  # the public authorities
            assert "expected --tls-ca" in await untrusted(cloud)


async def test_an_expired_certificate_is_named(serving, client, two_by_two, files, authority):
    past = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    paths = files(authority, "127.0.0.1", not_after=past)
    settings = {"tls_cert": paths["cert"], "tls_key": paths["key"]}
    async with serving(two_by_two, **settings) as server, client(server, ClientAccess(ca=paths["ca"])) as cloud:
        assert "its certificate has expired; renew it there" in await untrusted(cloud)


async def test_a_certificate_of_another_name_is_told_unless_that_name_is_expected(
    serving, client, two_by_two, files, authority
):
    paths = files(authority, "cloud.example")
    settings = {"tls_cert": paths["cert"], "tls_key": paths["key"]}
    async with serving(two_by_two, **settings) as server:
        async with client(server, ClientAccess(ca=paths["ca"])) as cloud:
            assert "not for this address; expected an address that is in it, or --tls-server-name" in await untrusted(
                cloud
            )
        async with client(server, ClientAccess(ca=paths["ca"], server_name="cloud.example")) as cloud:
            await every_call(cloud)


async def test_one_side_with_tls_and_one_without(serving, client, two_by_two, tls):
    server_tls, access = tls
    async with serving(two_by_two) as server, client(server, access) as cloud:
        assert "it does not speak TLS" in await untrusted(cloud)
    async with serving(two_by_two, **server_tls) as server, client(server, ClientAccess()) as cloud:
        with pytest.raises(CloudUnreachableError, match="if it speaks TLS: --tls"):
            await cloud.profile(LIMIT_S)


@pytest.mark.parametrize(("shown", "reason"), [(None, "UNAUTHENTICATED"), (OTHER, "BAD_TOKEN")])
async def test_without_the_right_token_the_cloud_denies_access(serving, client, two_by_two, shown, reason):
    async with serving(two_by_two, token=TOKEN) as server, client(server, ClientAccess(token=shown)) as cloud:
        with pytest.raises(CloudDeniedError, match="expected --token-file") as caught:
            await cloud.profile(LIMIT_S)
        assert (caught.value.reason, caught.value.retry_after_s) == (reason, DENIED_WAIT_S)
        assert TOKEN not in str(caught.value)
        assert OTHER not in str(caught.value)
        assert await cloud.ping(LIMIT_S) > 0, "health needs no token"
        with pytest.raises(CloudDeniedError):
            await cloud.probe(5000, LIMIT_S)
        with pytest.raises(CloudDeniedError):
            await anext(cloud.open_tails().events())


async def test_files_that_were_replaced_count_from_the_next_connection(
    serving, client, two_by_two, tls, files, authority, tmp_path
):
    server_tls, access = tls
    newer = trustme.CA()
    (tmp_path / "token").write_text(OTHER)
    access = ClientAccess(ca=access.ca, token_file=tmp_path / "token")
    async with serving(two_by_two, **server_tls, token=TOKEN) as server, client(server, access) as cloud:
        with pytest.raises(CloudDeniedError):
            await cloud.profile(LIMIT_S)
        (tmp_path / "token").write_text(TOKEN)
        await every_call(cloud)
        files(newer)  # the authority that the edge trusts from now on; the cloud's certificate is another's still
        assert "expected --tls-ca" in await untrusted(cloud)
        files(newer, "127.0.0.1")
        async with asyncio.timeout(LIMIT_S):
            while True:  # gRPC waits up to a second between two handshakes
                try:
                    await every_call(cloud)
                    break
                except CloudUntrustedError:
                    await asyncio.sleep(0.05)
        access.ca.unlink()
        with pytest.raises(CloudUntrustedError, match="No such file"):
            await cloud.profile(LIMIT_S)


def test_a_token_does_not_leave_this_machine_in_plain_text(two_by_two):
    with pytest.raises(AccessError, match="in plain text"):
        Agent(two_by_two, "192.0.2.7:50051", AgentConfig(token=TOKEN))


async def test_an_agent_that_is_denied_works_alone_and_says_so_once(serving, two_by_two, random_inputs, caplog, tls):
    server_tls, access = tls
    config = AgentConfig(token=OTHER, tls_ca=access.ca, rate_hz=50.0)
    with caplog.at_level(logging.DEBUG):
        async with (
            serving(two_by_two, **server_tls, token=TOKEN) as server,
            Agent(two_by_two, f"127.0.0.1:{server.port}", config) as agent,
        ):
            assert isinstance(agent.cloud_error, CloudDeniedError)
            for seed in range(5):
                result = await agent.submit(*random_inputs(two_by_two, seed))
                assert result.outcome is Outcome.EDGE_ONLY
    told = [record for record in caplog.records if record.message == "cloud lost"]
    assert len(told) == 1
    everything = caplog.text + json.dumps([{k: str(v) for k, v in vars(record).items()} for record in caplog.records])
    assert TOKEN not in everything
    assert OTHER not in everything


async def test_an_agent_offloads_through_mutual_tls_with_a_token(
    serving, two_by_two, random_inputs, tls, files, authority
):
    server_tls, access = tls
    own = files(authority, "edge-1", folder="own")
    config = AgentConfig(tls_ca=access.ca, tls_cert=own["cert"], tls_key=own["key"], token=TOKEN, strategy="cloud_only")
    settings = {**server_tls, "tls_client_ca": access.ca, "token": TOKEN}
    async with (
        serving(two_by_two, **settings) as server,
        Agent(two_by_two, f"127.0.0.1:{server.port}", config) as agent,
    ):
        result = await agent.submit(*random_inputs(two_by_two))
        assert result.outcome is Outcome.OFFLOADED
