"""A client that is not ours: the real grpcurl, which knows the contract by reflection only."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import json_format

from split_wire import decode_tensor, split_pb2

BIN = Path(sys.executable).parent
MAX_BYTES = str(64 * 1024 * 1024)


def run(*args, stdin=""):
    return subprocess.run(
        [str(BIN / args[0]), *args[1:]], input=stdin, capture_output=True, text=True, timeout=120, check=False
    )


def grpcurl(address, *args, stdin="", options=()):
    return run("grpcurl", "-plaintext", "-max-msg-sz", MAX_BYTES, *options, address, *args, stdin=stdin)


@pytest.fixture(scope="module")
def request_json():
    done = run("dads", "request", "zoo:easy_net", "--frame-id", "42")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_services_are_listed_by_reflection(cloud):
    done = grpcurl(cloud.address, "list")
    assert done.returncode == 0, done.stderr
    assert {"dads.v1.SplitInference", "grpc.health.v1.Health"} <= set(done.stdout.split())


def test_the_contract_is_described_by_reflection(cloud):
    done = grpcurl(cloud.address, "describe", "dads.v1.SplitInference")
    assert done.returncode == 0, done.stderr
    for method in ("ListModels", "GetProfile", "Probe", "RunTail", "StreamTails"):
        assert f"rpc {method} " in done.stdout


@pytest.mark.parametrize("service", ["", "dads.v1.SplitInference"])
def test_the_service_is_healthy(cloud, service):
    done = grpcurl(cloud.address, "grpc.health.v1.Health/Check", options=("-d", json.dumps({"service": service})))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"status": "SERVING"}


def test_the_tail_of_a_request_is_the_models_own_result(cloud, request_json):
    done = grpcurl(cloud.address, "dads.v1.SplitInference/RunTail", options=("-d", "@"), stdin=request_json)
    assert done.returncode == 0, done.stderr
    answer = json_format.Parse(done.stdout, split_pb2.RunTailResponse())
    assert answer.frame_id == 42
    import split_model

    model = split_model.load("zoo:easy_net")
    expected = model.flatten(model(*model.example_inputs))
    assert [tensor.name for tensor in answer.outputs] == list(expected)
    for tensor in answer.outputs:
        whole = expected[tensor.name]
        np.testing.assert_allclose(decode_tensor(tensor), whole, rtol=0, atol=1e-4 * np.abs(whole).max())


def test_another_models_digest_is_refused_with_its_reason(cloud, request_json):
    wrong = json.dumps(json.loads(request_json) | {"digest": "0" * 64})
    done = grpcurl(cloud.address, "dads.v1.SplitInference/RunTail", options=("-d", "@"), stdin=wrong)
    assert done.returncode != 0
    assert "FailedPrecondition" in done.stderr
    assert "DIGEST_MISMATCH" in done.stderr


def test_a_request_without_its_tensor_is_told_which(cloud, request_json):
    without = json.dumps(json.loads(request_json) | {"tensors": []})
    done = grpcurl(cloud.address, "dads.v1.SplitInference/RunTail", options=("-d", "@"), stdin=without)
    assert done.returncode != 0
    assert "InvalidArgument" in done.stderr
    assert "MISSING_TENSOR" in done.stderr
    assert json.loads(request_json)["tensors"][0]["name"] in done.stderr
