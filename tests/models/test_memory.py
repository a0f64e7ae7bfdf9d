"""Freed memory is kept: the next block of the same size needs no pages from the kernel."""

import subprocess
import sys

CODE = """
import resource, sys
from models import keep_freed_memory

def faults():
    for _ in range(3):
        bytes(4_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        bytes(4_000_000)
        bytes(16_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

kept = keep_freed_memory()
faults()
print(int(kept), faults())
"""


def test_blocks_are_used_again_where_the_allocator_can_be_told():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    kept, faults = map(int, done.stdout.split())
    assert not kept or faults < 1000  # fresh pages for 200 MB would be some 48,000
