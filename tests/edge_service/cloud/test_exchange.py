"""What a caller gets of an answer is theirs, as what is computed here."""

from types import SimpleNamespace

import numpy as np

from edge_service.cloud.exchange import read_answer
from split_model import TensorSpec
from split_wire import decode_tensor, encode_tensor


def test_outputs_of_an_answer_can_be_written():
    """The bytes of a message cannot: an offloaded frame would fail where one that is computed here does not."""
    sent = np.arange(4, dtype=np.float32).reshape(1, 4)
    received = decode_tensor(encode_tensor("0", sent))
    assert not received.flags.writeable
    output = SimpleNamespace(path="0", tensor=TensorSpec.of(sent))
    model = SimpleNamespace(outputs=(output,), assemble=lambda _, outputs: outputs["0"])
    found = read_answer(model, {}, SimpleNamespace(outputs={"0": received}), ("0",))
    found += 1
    np.testing.assert_array_equal(found, sent + 1)
