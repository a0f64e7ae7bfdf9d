import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import torch
from split_model.engines.memory import keep_freed_memory
assert 'keep' not in sys.argv or keep_freed_memory()
def touch():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(12_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(min(touch() for _ in range(8)))
"""


def least_faults(*arguments: str) -> int:
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has these settings")
def test_memory_that_was_freed_is_used_again():
    """A tensor of 48 MB has 11,719 pages."""
    kept, by_default = least_faults("keep"), least_faults()
    assert kept < 500
    assert by_default > 5000


GIVING_BACK = """
import numpy as np
from split_model.engines.memory import give_back_freed_memory, keep_freed_memory
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])
assert keep_freed_memory()
arrays = [np.ones(2_000_000) for _ in range(6)]
del arrays
freed = resident()
give_back_freed_memory()
print(freed - resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc can")
def test_freed_memory_is_given_back_even_if_it_is_to_be_kept():
    """Six arrays of 16 MB have 23,436 pages."""
    found = subprocess.run([sys.executable, "-c", GIVING_BACK], capture_output=True, text=True, check=True)
    assert int(found.stdout) > 20_000


ONE_HEAP = """
import ctypes, sys, threading
from split_model.engines.memory import share_one_heap
assert 'one' not in sys.argv or share_one_heap()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
made = []
def allocate():
    made.append(libc.malloc(1000))
for _ in range(4):
    thread = threading.Thread(target=allocate)
    thread.start()
    thread.join()
with open("/proc/self/maps") as file:
    (heap,) = [line.split()[0] for line in file if line.rstrip().endswith("[heap]")]
low, high = (int(end, 16) for end in heap.split("-"))
print(sum(low <= place < high for place in made))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc has this setting")
def test_threads_share_one_heap():
    def in_the_main_heap(*arguments):
        command = [sys.executable, "-c", ONE_HEAP, *arguments]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert in_the_main_heap("one") == 4
    assert in_the_main_heap() < 4


SPARING = """
import gc
from split_model.engines.memory import spare_loaded_objects
class Loop:
    def __init__(self): self.me = self
loaded = Loop()
spare_loaded_objects()
assert gc.get_freeze_count() > 10_000
before = {id(object) for object in gc.get_objects()}
assert id(loaded) not in before and id(loaded.__dict__) not in before
later = Loop()
del later
assert gc.collect() > 0
"""


def test_loaded_objects_are_spared_and_later_garbage_is_still_found():
    subprocess.run([sys.executable, "-c", SPARING], check=True)
