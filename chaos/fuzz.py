"""`make fuzz`: a million inputs to the codec and to a live server.

    python -m chaos.fuzz --inputs 1000000 --seed 1

Nine in ten go to the codec, where they are cheap. Half of these are guided by code coverage, for at most five minutes,
if atheris is installed; the others are random mutants. The rest go to RunTail, StreamTails and Probe of a real `dads
cloud`. The exit code is 1 after an exception, a call that hangs, a status UNKNOWN or INTERNAL, or a server that ended
or whose memory grew by more than the limit. Such inputs are written to `tests/fuzz/corpus`; every later run starts from
them.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import importlib.util
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import islice
from pathlib import Path

import grpc.aio

from chaos import small_model
from chaos.fuzz_codec import read_all
from chaos.fuzz_inputs import CORPUS, TARGETS, mutants, seeds
from chaos.fuzz_server import BAD_CODES, HungError, Target
from chaos.process_use import use_of
from dads.children import Child
from split_wire import split_pb2, split_pb2_grpc

_BATCH = 64
# The server keeps freed memory up to a level: over 300,000 inputs it grew by 90 MB in the first third, then no more.
_GROWTH_BYTES = 128_000_000
_LIVE_SHARE = 0.1
_GUIDED_S = 300


def keep(target: str, message: bytes) -> str:
    """Write an input that found a defect to the corpus; returns its path."""
    path = CORPUS / f"{target.lower()}-{hashlib.sha256(message).hexdigest()[:16]}"
    path.write_bytes(message)
    return str(path)


def fuzz_codec(inputs: int, seed: int) -> list[str]:
    """Feed mutants to the codec, in this process; returns the defects found."""
    dice = random.Random(seed)  # noqa: S311 - repeatable inputs, not a secret
    pool = [one for target in TARGETS for one in seeds(target, "file:model.pt2", "ab" * 32, ("x", "a", "b", "c"))]
    for message in islice(mutants(pool, dice), inputs):
        try:
            read_all(message)
        except Exception as error:  # noqa: BLE001 - any exception is a defect
            return [f"codec: {type(error).__name__}: {error}; kept in {keep('RunTail', message)}"]
    return []


def fuzz_codec_guided(inputs: int, seed: int) -> tuple[int, list[str]]:
    """Feed atheris's inputs to the codec, in a process of its own, because atheris never returns.

    As atheris reaches more code, its inputs become longer and slower; so the run is limited in time too.

    Returns:
        The number of inputs, and the defects found.
    """
    with tempfile.TemporaryDirectory(prefix="dads-fuzz-") as folder:
        # libFuzzer writes new inputs to the first folder, and only reads the second.
        command = [sys.executable, "-m", "chaos.fuzz_guided", folder, str(CORPUS), f"-runs={inputs}", f"-seed={seed}"]
        done = subprocess.run(
            [*command, "-max_len=16384", f"-max_total_time={_GUIDED_S}", f"-artifact_prefix={CORPUS}/runtail-"],
            capture_output=True,
            text=True,
            check=False,
        )
    tried = re.search(r"^Done (\d+) runs", done.stderr, re.MULTILINE)
    found = [] if done.returncode == 0 else [f"codec, guided: {done.stderr[-2000:]}"]
    return 0 if tried is None else int(tried[1]), found


async def fuzz_server(inputs: int, seed: int) -> list[str]:
    """Send mutants to three methods of a live cloud; returns the defects found."""
    dice = random.Random(seed)  # noqa: S311 - repeatable inputs, not a secret
    with tempfile.TemporaryDirectory(prefix="dads-fuzz-") as folder:
        spec = small_model.write(Path(folder, "model.pt2"))
        said: list[str] = []
        cloud = Child("cloud", ["cloud", "--model", spec, "--listen", "127.0.0.1:0", "--threads", "1"], said.append)
        async with cloud:
            address = await _serving(cloud)
            async with grpc.aio.insecure_channel(address) as channel:
                models = await split_pb2_grpc.SplitInferenceStub(channel).ListModels(split_pb2.ListModelsRequest())
            model = models.models[0]
            pools = {target: seeds(target, model.name, model.digest, model.layers) for target in TARGETS}
            async with Target(address) as target:
                found = await _attack(target, cloud, pools, inputs, dice)
            if cloud.ended:
                found.append("the server ended")
        found += [f"the server logged: {line}" for line in said if "Traceback" in line or "call failed" in line][:3]
    return found


async def _serving(cloud: Child) -> str:
    async for line in cloud.lines():
        if line.startswith("serving "):
            return line.rpartition(" on ")[2]
    raise RuntimeError("the cloud did not start")


async def _attack(
    target: Target, cloud: Child, pools: dict[str, list[bytes]], inputs: int, dice: random.Random
) -> list[str]:
    streams = {name: mutants(pool, dice) for name, pool in pools.items()}
    codes: dict[str, Counter[str]] = {name: Counter() for name in pools}
    found: list[str] = []
    warm_bytes, sent = 0, 0
    while sent < inputs and not found:
        for name, endless in streams.items():
            batch = list(islice(endless, _BATCH))
            sent += len(batch)
            try:
                answers = await target.send(name, batch)
            except HungError as error:
                found.append(f"{error}; kept: {', '.join(keep(name, one) for one in batch[:3])}")
                break
            codes[name] += answers
            if bad := BAD_CODES & answers.keys():
                found.append(f"{name} answered {', '.join(bad)}; {await _smallest(target, name, batch)}")
        if not warm_bytes and sent >= inputs / 5:
            warm_bytes = use_of(cloud.pid).resident_bytes
    if not cloud.ended:
        now_bytes = use_of(cloud.pid).resident_bytes
        print(f"server: {warm_bytes / 1e6:.1f} -> {now_bytes / 1e6:.1f} MB after {sent} inputs")
        if warm_bytes and now_bytes > warm_bytes + _GROWTH_BYTES:
            found.append(f"the server's memory grew by {(now_bytes - warm_bytes) / 1e6:.0f} MB")
    for name, counts in codes.items():
        print(f"{name}: {dict(counts.most_common())}")
    return found


async def _smallest(target: Target, name: str, batch: list[bytes]) -> str:
    """Find the message of a batch that causes the bad status."""
    for message in batch:
        if BAD_CODES & (await target.send(name, [message])).keys():
            return f"kept in {keep(name, message)}"
    return "no single message does it"


def main() -> None:
    parser = argparse.ArgumentParser(description="Random bytes for the codec and a live server.")
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began_s = time.monotonic()
    live = max(1, int(options.inputs * _LIVE_SHARE))
    guided, found = 0, list[str]()
    if importlib.util.find_spec("atheris"):
        guided, found = fuzz_codec_guided((options.inputs - live) // 2, options.seed)
        print(f"codec, guided by coverage: {guided} inputs, {time.monotonic() - began_s:.0f} s", flush=True)
    else:
        print("codec: atheris is not installed; every input is a mutant")
    found += fuzz_codec(options.inputs - live - guided, options.seed)
    print(f"codec: {options.inputs - live - guided} mutants, {time.monotonic() - began_s:.0f} s", flush=True)
    found += asyncio.run(fuzz_server(live, options.seed))
    print(f"{options.inputs} inputs, seed {options.seed}, {time.monotonic() - began_s:.0f} s")
    print("found: " + ("nothing" if not found else "".join(f"\n  {one}" for one in found)))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
