import copy
import pickle  # noqa: TID251  # what a process pool does to exceptions

from partitioner import PartitionError, TooManySplitsError


def test_the_tree():
    assert issubclass(PartitionError, ValueError)
    assert issubclass(TooManySplitsError, PartitionError)


def test_an_error_survives_being_copied_and_sent():
    error = TooManySplitsError(10, "conv")
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (twin.max_sets, twin.layer, str(twin)) == (10, "conv", str(error))
