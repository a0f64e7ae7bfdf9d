"""The cloud whose processor time is measured: a child that runs by its path, with the code of either build.

It names only what both builds have. It tells its port, and ends with its input.
"""

import asyncio
import os
import sys

import torch
from torch import nn

import split_model
from cloud_service import CloudConfig, CloudServer

ANSWER_FLOATS = 256


class Front(nn.Module):
    """A tail that costs nothing: a kilobyte of what it gets, so that all that is measured is the way there."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :ANSWER_FLOATS] + 0.0


async def serve(floats: int, certificate: str, key: str) -> None:
    torch.set_num_threads(1)
    model = split_model.model_of(Front().eval(), (torch.zeros(1, floats),), name="front")
    most = 1024  # the load shall reach what is measured: no limit on it
    config = CloudConfig(
        listen="127.0.0.1:0",
        threads=1,
        max_queue=most,
        max_calls=most,
        max_calls_per_client=most,
        max_streams=most,
        max_tails_per_client=most,
        **({"tls_cert": certificate, "tls_key": key} if certificate else {}),
    )
    server = CloudServer(config, [model])
    await server.start()
    print(server.port, model.digest, model.graph.layers[0].name, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)  # there is nothing to drain


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), *sys.argv[2:4]))
