"""Two signals in a row end an edge or a cloud that has frames under way, at once and by the signal itself."""

import re
import signal
import time
import urllib.request

import grpc
import numpy as np
from dads_process import DadsProcess, start_cloud

from chaos import small_model
from split_wire import encode_tensor, split_pb2, split_pb2_grpc

SIDE = 1536
LIMIT_S = 60.0


def test_the_second_signal_does_not_wait_for_frames():
    arguments = ["--model", "zoo:easy_net", "--source", "sample", "--loop", "--rate", "50", "--results", "-"]
    # A frame takes seconds, and the next ones wait: to finish them takes longer than two signals do.
    with DadsProcess("edge", *arguments, "--edge-slowdown", "500", "--threads", "1") as edge:
        edge.line(lambda line: '"dropped"' in line or '"edge_only"' in line)
        edge.send(signal.SIGTERM)
        edge.send(signal.SIGINT)  # another one: two of a kind may arrive as one
        assert edge.wait() in (-signal.SIGTERM, -signal.SIGINT), edge.errors


def until(condition):
    deadline_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_the_second_signal_ends_a_cloud_that_drains(tmp_path):
    """Eight tails of most of a second each: after the first signal they would all be answered."""
    spec = small_model.write(tmp_path / "model.pt2", side=SIDE)
    arguments = ["--model", spec, "--listen", "127.0.0.1:0", "--metrics-port", "0", "--threads", "1"]
    cloud, address = start_cloud(*arguments, environment={"DADS_CLOUD_PROFILE_REPEATS": "1"})
    with cloud, grpc.insecure_channel(address, options=[("grpc.max_send_message_length", -1)]) as channel:
        metrics_url = cloud.line(lambda line: line.startswith("metrics on ")).removeprefix("metrics on ")
        stub = split_pb2_grpc.SplitInferenceStub(channel)
        (model,) = stub.ListModels(split_pb2.ListModelsRequest()).models
        image = encode_tensor(model.inputs[0].layer, np.zeros((1, 3, SIDE, SIDE), np.uint8)).message()
        request = split_pb2.RunTailRequest(model=model.name, digest=model.digest, tensors=[image])
        calls = [stub.RunTail.future(request) for _ in range(8)]

        def in_flight():
            with urllib.request.urlopen(metrics_url, timeout=30) as answer:
                (count,) = re.findall(rb"^dads_tails_in_flight (\S+)$", answer.read(), re.MULTILINE)
            return float(count) >= 4  # requests take a while to arrive, so that some tails may be done by then

        def draining():
            error = stub.RunTail.future(split_pb2.RunTailRequest(model=model.name, digest=model.digest)).exception()
            return error is not None and "shutting down" in error.details()

        until(in_flight)
        cloud.send(signal.SIGTERM)
        until(draining)
        cloud.send(signal.SIGINT)
        assert cloud.wait() in (-signal.SIGTERM, -signal.SIGINT), cloud.errors
        assert any(call.exception() is not None for call in calls)
