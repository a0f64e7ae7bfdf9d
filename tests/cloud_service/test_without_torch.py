"""The cloud serves a model without torch: a process where importing torch fails imports all and answers frames."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys

class Missing:
    def find_spec(self, fullname, path, target=None):
        if fullname.partition(".")[0] in {"torch", "torchvision", "sympy"}:
            raise AssertionError(f"{fullname} was imported")  # no `except ImportError` hides it

sys.meta_path.insert(0, Missing())
sys.path.insert(0, sys.argv[1])

import asyncio, importlib, pkgutil, runpy
import grpc.aio, numpy as np
import cloud_service
from split_wire import decode_tensor, encode_tensor, split_pb2, split_pb2_grpc

for module in pkgutil.walk_packages(cloud_service.__path__, "cloud_service."):
    if module.name != "cloud_service.tracing":  # an extra
        importlib.import_module(module.name)
print("imported")

async def main(model):
    server = cloud_service.CloudServer(cloud_service.CloudConfig(listen="127.0.0.1:0", threads=1), [model])
    await server.start()
    print("serving")
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        stub = split_pb2_grpc.SplitInferenceStub(channel)
        profile = await stub.GetProfile(split_pb2.GetProfileRequest(model=model.name))
        print("engine", profile.engine)
        (x,) = model.example_inputs
        pair = [encode_tensor("pair", np.float32(x + 1 + i), index=i).message() for i in range(2)]
        for feeds, outputs in (([encode_tensor("x", x).message()], []), (pair, ["out"])):
            request = split_pb2.RunTailRequest(model=model.name, digest=model.digest, tensors=feeds, outputs=outputs)
            out, *others = (await stub.RunTail(request)).outputs
            np.testing.assert_array_equal(decode_tensor(out), np.float32(3 * x + 4))
            print("answered", 1 + len(others))
    await server.stop(5)

asyncio.run(main(runpy.run_path(sys.argv[2])["FakeModel"]()))
"""


def test_the_cloud_imports_and_serves_without_torch():
    import cloud_service

    root, conftest = Path(cloud_service.__file__).parent.parent, Path(__file__).with_name("conftest.py")
    program = [sys.executable, "-W", "error", "-c", PROGRAM, str(root), str(conftest)]
    found = subprocess.run(program, capture_output=True, text=True, check=False, timeout=120)
    assert found.returncode == 0, found.stderr
    assert found.stdout.split() == ["imported", "serving", "engine", "fake", "answered", "2", "answered", "1"]
