"""Who gets in: TLS, client certificates, tokens and the limits of one client, over real connections."""

import asyncio
import contextlib
import logging
import ssl

import grpc
import grpc.aio
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from cloud_service import ConfigurationError
from split_wire import split_pb2, split_pb2_grpc

TOKEN = "t0p-secret-of-the-tests"
OTHER = "another-s3cret-of-the-tests"
MODELS = split_pb2.ListModelsRequest()


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def pem(tmp_path, authority):
    """Write a certificate for this machine, or replace it; gives the settings that serve it."""

    def write(issuer=authority):
        issued = issuer.issue_cert("127.0.0.1", "localhost")
        for name, data in (
            ("cert.pem", b"".join(blob.bytes() for blob in issued.cert_chain_pems)),
            ("key.pem", issued.private_key_pem.bytes()),
        ):
            (tmp_path / "new").write_bytes(data)
            (tmp_path / "new").replace(tmp_path / name)
        return {"tls_cert": tmp_path / "cert.pem", "tls_key": tmp_path / "key.pem"}

    return write


@pytest.fixture
def client_ca(tmp_path, authority):
    authority.cert_pem.write_to_path(tmp_path / "clients.pem")
    return {"tls_client_ca": tmp_path / "clients.pem"}


def trusting(authority, certificate=None):
    """Channel credentials of a client that trusts an authority, with a certificate of its own where one is given."""
    own = ()
    if certificate is not None:
        own = (certificate.private_key_pem.bytes(), certificate.cert_chain_pems[0].bytes())
    return grpc.ssl_channel_credentials(authority.cert_pem.bytes(), *own)


@contextlib.asynccontextmanager
async def stub_of(server, credentials=None):
    options = [("grpc.use_local_subchannel_pool", 1)]  # or a connection of another test would be used
    address = f"127.0.0.1:{server.port}"
    channel = (
        grpc.aio.insecure_channel(address, options)
        if credentials is None
        else grpc.aio.secure_channel(address, credentials, options)
    )
    async with channel:
        yield split_pb2_grpc.SplitInferenceStub(channel)


async def fails(call):
    """Await a call that must fail: its code, and what was said."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code(), caught.value.details()


def bearer(token):
    return (("authorization", f"Bearer {token}"),)


# TLS


async def test_tls_serves_who_trusts_it_and_nobody_in_plain_text(model, serve, ask, pem, authority):
    async with serve(model, **pem()) as (server, _):
        async with stub_of(server, trusting(authority)) as stub:
            assert (await stub.RunTail(ask())).outputs
        async with stub_of(server, trusting(trustme.CA())) as stub:
            code, said = await fails(stub.RunTail(ask()))
            assert code is grpc.StatusCode.UNAVAILABLE
            assert "CERTIFICATE_VERIFY_FAILED" in said
        async with stub_of(server) as stub:
            code, _ = await fails(stub.RunTail(ask()))
            assert code is grpc.StatusCode.UNAVAILABLE


async def test_mutual_tls_wants_a_certificate_of_its_authority(model, serve, ask, pem, client_ca, authority):
    async with serve(model, **pem(), **client_ca) as (server, _):
        async with stub_of(server, trusting(authority, authority.issue_cert("edge-1"))) as stub:
            assert (await stub.RunTail(ask())).outputs
        for stranger in (None, trustme.CA().issue_cert("edge-1")):
            async with stub_of(server, trusting(authority, stranger)) as stub:
                code, _ = await fails(stub.RunTail(ask()))
                assert code is grpc.StatusCode.UNAVAILABLE


async def test_a_new_certificate_is_served_when_the_files_change(model, serve, ask, frame, answers, pem, authority):
    """Who connects from then on gets it; who is connected keeps the connection."""
    newer = trustme.CA()
    async with (
        serve(model, **pem()) as (server, _),
        stub_of(server, trusting(authority)) as old,
        stub_of(server, trusting(newer)) as new,
    ):
        stream = old.StreamTails()
        await stream.write(frame(1))
        await answers(stream, 1)
        pem(newer)
        assert (await new.RunTail(ask())).outputs
        await stream.write(frame(2))
        assert [answer.result.frame_id for answer in await answers(stream, 1)] == [2]
        stream.cancel()


async def test_a_broken_pair_of_files_changes_nothing(model, serve, ask, pem, authority, caplog):
    async with serve(model, **pem()) as (server, _):
        paths = pem(trustme.CA())
        key = paths["tls_key"].read_bytes()
        paths["tls_key"].write_bytes(authority.issue_cert("127.0.0.1").private_key_pem.bytes())
        with caplog.at_level(logging.WARNING, "cloud_service"):
            for _ in range(2):
                async with stub_of(server, trusting(authority)) as stub:
                    assert (await stub.RunTail(ask())).outputs, "the certificate read before"
        assert [record.message for record in caplog.records] == ["certificate not reloaded"]
        paths["tls_key"].write_bytes(key)
        async with stub_of(server, trusting(authority)) as stub:
            code, _ = await fails(stub.RunTail(ask()))
            assert code is grpc.StatusCode.UNAVAILABLE, "now the new one is served"


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("tls_cert", "expected a PEM certificate and its own PEM key"),
        ("tls_key", "expected a PEM certificate and its own PEM key"),
        ("tls_client_ca", "expected PEM certificates"),
    ],
)
def test_files_that_cannot_be_used_are_told_at_the_start(serve, model, pem, client_ca, broken, said):
    settings = pem() | client_ca
    settings[broken].write_text("no certificate")
    with pytest.raises(ConfigurationError, match=f"{broken}.*{said}"):
        asyncio.run(serve(model, **settings).__aenter__())
    settings[broken].unlink()
    with pytest.raises(ConfigurationError, match=f"{broken}.*No such file"):
        asyncio.run(serve(model, **settings).__aenter__())


def test_an_encrypted_key_is_refused_without_a_question(serve, model, pem):
    from cryptography.hazmat.primitives import serialization as pems

    settings = pem()
    key = pems.load_pem_private_key(settings["tls_key"].read_bytes(), None)
    form = (pems.Encoding.PEM, pems.PrivateFormat.PKCS8, pems.BestAvailableEncryption(b"pass"))
    settings["tls_key"].write_bytes(key.private_bytes(*form))
    with pytest.raises(ConfigurationError, match="the key is encrypted"):
        asyncio.run(serve(model, **settings).__aenter__())


def test_what_is_served_is_tls_1_2_or_newer(serve, model, pem):
    async def handshake():
        async with serve(model, **pem()) as (server, _):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_alpn_protocols(["h2"])
            _, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
            version = writer.get_extra_info("ssl_object").version()
            writer.close()
            return version

    assert asyncio.run(handshake()) in ("TLSv1.2", "TLSv1.3")


# Tokens


def every_method(stub, ask, metadata):
    return [
        stub.ListModels(MODELS, metadata=metadata),
        stub.GetProfile(split_pb2.GetProfileRequest(model="fake"), metadata=metadata),
        stub.RunTail(ask(), metadata=metadata),
        stub.Probe(iter([]), metadata=metadata),
    ]


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ((), "UNAUTHENTICATED"),
        ((("authorization", f"Basic {TOKEN}"),), "UNAUTHENTICATED"),
        ((("authorization", "Bearer "),), "UNAUTHENTICATED"),
        (bearer(TOKEN) * 2, "UNAUTHENTICATED"),
        (bearer(TOKEN[:-1]), "BAD_TOKEN"),
        (bearer(TOKEN + "x"), "BAD_TOKEN"),
        (bearer(""), "UNAUTHENTICATED"),
    ],
)
async def test_without_the_token_every_method_is_refused(model, serve, ask, refusal, metadata, reason, caplog):
    with caplog.at_level(logging.DEBUG):
        async with serve(model, token=TOKEN) as (server, stub):
            for call in every_method(stub, ask, metadata):
                code, why, said, retry_s = await refusal(call)
                assert (code, why, retry_s) == ("UNAUTHENTICATED", reason, None)
                assert TOKEN[:-1] not in said
            stream = stub.StreamTails(metadata=metadata)
            code, _ = await fails(stream.read())
            assert code is grpc.StatusCode.UNAUTHENTICATED
            counted = server._metrics.registry.get_sample_value("dads_rejected_total", {"reason": reason})
            assert counted == 5
    assert TOKEN[:-1] not in caplog.text
    assert caplog.text.count("calls refused") == 1, "not a line for each call"
    assert model.ran == []


async def test_with_the_token_every_method_answers(model, serve, ask, frame, answers, caplog):
    with caplog.at_level(logging.DEBUG):
        async with serve(model, token=TOKEN) as (_, stub):
            for call in every_method(stub, ask, bearer(TOKEN)):
                assert await call is not None
            stream = stub.StreamTails(metadata=(("authorization", f"bearer {TOKEN}"),))  # the scheme has no case
            await stream.write(frame(7))
            await stream.done_writing()
            assert [answer.result.frame_id for answer in await answers(stream)] == [7]
    assert TOKEN not in caplog.text


async def test_health_needs_no_token_and_reflection_does(model, serve):
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    async with (
        serve(model, token=TOKEN) as (server, _),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        assert (await health.Check(health_pb2.HealthCheckRequest())).status == health_pb2.HealthCheckResponse.SERVING
        watching = health.Watch(health_pb2.HealthCheckRequest())
        assert (await watching.read()).status == health_pb2.HealthCheckResponse.SERVING
        watching.cancel()
        reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
        code, _ = await fails(reflection.ServerReflectionInfo(iter([asked])).read())
        assert code is grpc.StatusCode.UNAUTHENTICATED
        told = await reflection.ServerReflectionInfo(iter([asked]), metadata=bearer(TOKEN)).read()
        assert "dads.v1.SplitInference" in {service.name for service in told.list_services_response.service}


async def test_a_refused_call_is_refused_before_its_message_is_read(model, serve):
    """The answer comes while the request is still being sent: nothing of it is held."""
    async with serve(model, token=TOKEN) as (server, stub):
        sent = 0

        async def endless():
            nonlocal sent
            while True:
                sent += 1
                yield split_pb2.ProbeRequest(filler=bytes(65536))

        code, _ = await fails(stub.Probe(endless()))
        # grpc.aio says INTERNAL where the refusal arrives in the middle of a write, so the server is asked, too.
        assert code in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.INTERNAL}
        refused = server._metrics.registry.get_sample_value("dads_rejected_total", {"reason": "UNAUTHENTICATED"})
        assert refused == 1
        assert sent * 65536 < 16 * 2**20


async def test_the_token_file_may_hold_several_and_is_read_again(model, serve, refusal, tmp_path):
    file = tmp_path / "tokens"
    file.write_text(f"# of the tests\n\n{TOKEN}\n  {OTHER}  \n")
    async with serve(model, token_file=file) as (_, stub):
        for token in (TOKEN, OTHER):
            assert (await stub.ListModels(MODELS, metadata=bearer(token))).models
        file.write_text(f"{OTHER}\n")
        assert (await refusal(stub.ListModels(MODELS, metadata=bearer(TOKEN))))[1] == "BAD_TOKEN"
        file.write_text("short\n")  # nothing usable: what was read before stays
        assert (await stub.ListModels(MODELS, metadata=bearer(OTHER))).models
        file.unlink()
        assert (await stub.ListModels(MODELS, metadata=bearer(OTHER))).models


# Limits of one client


async def test_a_client_has_its_share_of_the_queue_and_no_more(
    model, serve, ask, refusal, wait_for, pem, client_ca, authority
):
    """Two certificates are two clients, even at one address."""
    first, second = (trusting(authority, authority.issue_cert(name)) for name in ("edge-1", "edge-2"))
    settings = {**pem(), **client_ca, "max_queue": 8, "max_tails_per_client": 2}
    async with (
        serve(model, **settings) as (server, _),
        stub_of(server, first) as one,
        stub_of(server, second) as two,
    ):
        model.gate.clear()
        held = [one.RunTail(ask()), one.RunTail(ask())]
        await wait_for(lambda: server._admission.admitted == 2)
        code, reason, said, retry_s = await refusal(one.RunTail(ask()))
        assert (code, reason) == ("RESOURCE_EXHAUSTED", "OVERLOADED")
        assert "of this client" in said
        assert retry_s > 0
        held.append(two.RunTail(ask()))
        await wait_for(lambda: server._admission.admitted == 3)
        model.gate.set()
        for call in held:
            assert (await call).outputs
        assert (await one.RunTail(ask())).outputs, "its share is free again"


async def test_the_frames_of_streams_count_for_their_client(model, serve, frame, answers):
    async with serve(model, max_queue=8, max_tails_per_client=1) as (_, stub):
        model.gate.clear()
        stream = stub.StreamTails()
        for number in (1, 2):
            await stream.write(frame(number))
        (refused,) = await answers(stream, 1)
        assert refused.error.frame_id == 2
        model.gate.set()
        (answered,) = await answers(stream, 1)
        assert answered.result.frame_id == 1
        stream.cancel()


async def test_open_calls_are_limited_for_each_client(model, serve, refusal, wait_for, tmp_path):
    (tmp_path / "tokens").write_text(f"{TOKEN}\n{OTHER}\n")
    settings = {"token_file": tmp_path / "tokens", "max_calls_per_client": 1, "max_calls": 2}
    async with serve(model, **settings) as (server, stub):
        stream = stub.StreamTails(metadata=bearer(TOKEN))
        assert (await stream.read()).WhichOneof("event") == "heartbeat"
        code, reason, said, retry_s = await refusal(stub.ListModels(MODELS, metadata=bearer(TOKEN)))
        assert (code, reason) == ("RESOURCE_EXHAUSTED", "OVERLOADED")
        assert "this client has 1 calls open" in said
        assert retry_s > 0
        assert (await stub.ListModels(MODELS, metadata=bearer(OTHER))).models, "another token, another client"
        stream.cancel()
        gate = server._gate
        await wait_for(lambda: not gate._calls._open)
        assert (await stub.ListModels(MODELS, metadata=bearer(TOKEN))).models


async def test_all_clients_together_have_a_limit_that_health_checks_do_not_share(model, serve, refusal):
    async with serve(model, max_calls=1) as (server, stub):
        stream = stub.StreamTails()
        await stream.read()
        assert "1 calls are open" in (await refusal(stub.ListModels(MODELS)))[2]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            assert await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        stream.cancel()


async def test_a_call_counts_while_its_request_is_still_arriving(model, serve, refusal, wait_for):
    """Or any number of callers could have large requests half sent, which nothing bounds."""
    async with (
        serve(model, max_calls=1) as (server, stub),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):

        async def never():
            await asyncio.Event().wait()
            yield b""

        call = channel.stream_unary("/dads.v1.SplitInference/RunTail")(never())
        await wait_for(lambda: server._gate._calls._open)
        assert "1 calls are open" in (await refusal(stub.ListModels(MODELS)))[2]
        call.cancel()
        await wait_for(lambda: not server._gate._calls._open)
        assert (await stub.ListModels(MODELS)).models


@pytest.mark.parametrize(("settings", "told"), [({}, 1), ({"token": TOKEN}, 0)])
async def test_a_public_address_without_any_access_is_told(model, serve, caplog, settings, told):
    with caplog.at_level(logging.WARNING, "cloud_service"):
        async with serve(model, listen="0.0.0.0:0", insecure=True, **settings):
            pass
    assert caplog.text.count("anyone who reaches this address may use it") == told


async def test_a_unary_call_without_a_request_is_answered_with_what_was_expected(model, serve):
    async with serve(model) as (server, _), grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call = channel.stream_unary("/dads.v1.SplitInference/RunTail")(iter([]))
        code, said = await fails(call)
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert "no request was sent" in said


async def test_a_method_that_does_not_exist_is_unimplemented(model, serve):
    async with (
        serve(model, token=TOKEN) as (server, _),
        grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel,
    ):
        code, _ = await fails(channel.unary_unary("/dads.v1.SplitInference/Nothing")(b""))
        assert code is grpc.StatusCode.UNIMPLEMENTED
