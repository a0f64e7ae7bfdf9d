"""A replica without a model, in a process that tests may kill: RunTail answers who computed it.

    python replica.py NAME [CERTIFICATE KEY CLIENTS_CA]

Prints its port. A request whose model is a path is never answered by the first replica that it reaches: that one writes
its name to the path. On SIGTERM a replica says NOT_SERVING, as a cloud that drains, and goes on.
"""

import contextlib
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from split_wire import split_pb2, split_pb2_grpc

LARGEST = [("grpc.max_receive_message_length", 64 * 1024 * 1024), ("grpc.so_reuseport", 0)]


class Replica(split_pb2_grpc.SplitInferenceServicer):
    def __init__(self, name):
        self.name = name

    def RunTail(self, request, context):  # noqa: N802 - the contract's name
        if request.model.startswith("/"):
            with contextlib.suppress(FileExistsError), Path(request.model).open("x") as mine:
                print(self.name, file=mine, flush=True)
                threading.Event().wait()
        shown = context.auth_context().get("x509_common_name", [b""])[0].decode()
        return split_pb2.RunTailResponse(replica=self.name, outputs=[split_pb2.Tensor(name=f"shown:{shown}")])

    def StreamTails(self, requests, context):  # noqa: N802 - the contract's name
        for request in requests:
            yield split_pb2.StreamTailsResponse(
                result=split_pb2.RunTailResponse(frame_id=request.request.frame_id, replica=self.name)
            )


def main(name, *files):
    server = grpc.server(ThreadPoolExecutor(16), options=LARGEST)
    split_pb2_grpc.add_SplitInferenceServicer_to_server(Replica(name), server)
    healthy = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    if files:
        certificate, key, clients = (Path(file).read_bytes() for file in files)
        port = server.add_secure_port(
            "127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)], clients, require_client_auth=True)
        )
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    signal.signal(signal.SIGTERM, lambda *_: healthy.set("", health_pb2.HealthCheckResponse.NOT_SERVING))
    print(port, flush=True)
    while True:  # until it is killed; a signal's handler runs between two waits
        server.wait_for_termination(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
