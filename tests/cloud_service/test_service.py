"""The gRPC methods, over a real connection."""

import grpc
import grpc.aio
import numpy as np
import pytest
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from protos import decode_tensor, dtype_name, encode_tensor, split_pb2


def details(status):
    """The ErrorInfo and RetryInfo of a status; None for what is not there."""
    found = {}
    for detail in status.details:
        for kind in (ErrorInfo, RetryInfo):
            if detail.Is(kind.DESCRIPTOR):
                found[kind] = kind()
                detail.Unpack(found[kind])
    return found.get(ErrorInfo), found.get(RetryInfo)


async def refusal(call):
    """Await a call that must fail: its code, reason, message and seconds until a retry."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    status = await rpc_status.aio.from_call(call)
    assert status is not None, caught.value
    info, retry = details(status)
    assert info.domain == "dads.v1"
    return caught.value.code().name, info.reason, status.message, retry and retry.retry_delay.ToTimedelta()


async def test_runs_the_whole_model_from_its_inputs(model, serve, ask):
    async with serve(model) as (_, stub):
        response = await stub.RunTail(ask(frame_id=7))
    assert response.frame_id == 7
    total, half = response.outputs
    assert (total.name, half.name, dtype_name(half)) == ("out", "parts.0", "bfloat16")
    np.testing.assert_array_equal(decode_tensor(total), [[3, 5, 7, 9, 11, 13]])
    np.testing.assert_array_equal(decode_tensor(half), np.float32([[0, 0.5, 1, 1.5, 2, 2.5]]).view(np.uint32) >> 16)
    assert response.load_factor >= 1
    timing = response.timing
    assert 0 < timing.compute_s <= timing.total_s
    assert timing.queue_s + timing.decode_s + timing.compute_s + timing.encode_s <= timing.total_s


async def test_stream_answers_every_frame_and_a_bad_one_does_not_end_it(model, serve, ask):
    bad = ask(frame_id=2, tensors=[encode_tensor("x", np.zeros((1, 6), np.float32))])
    requests = [split_pb2.StreamTailsRequest(request=r) for r in (ask(frame_id=1), bad, ask(frame_id=3))]
    async with serve(model) as (_, stub):
        responses = [response async for response in stub.StreamTails(iter(requests))]
    frames = [r for r in responses if r.WhichOneof("event") != "heartbeat"]
    results = {r.result.frame_id for r in frames if r.WhichOneof("event") == "result"}
    (error,) = [r.error for r in frames if r.WhichOneof("event") == "error"]
    assert results == {1, 3}
    assert error.frame_id == 2
    status = Status.FromString(error.status)
    info, _ = details(status)
    assert (status.code, info.reason) == (grpc.StatusCode.INVALID_ARGUMENT.value[0], "WRONG_TENSOR")
    assert "expected uint8 of shape [1, 6], got float32" in status.message
