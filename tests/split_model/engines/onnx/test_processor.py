import os

import onnxruntime

from split_model.engines.onnx import processor


def test_a_fingerprint_differs_where_packed_weights_would(tiny, monkeypatch):
    found = {processor.fingerprint(tiny)}
    assert found == {processor.fingerprint(tiny)}
    with monkeypatch.context() as changed:
        changed.setattr(processor, "_processor", lambda: "another")
        found.add(processor.fingerprint(tiny))
    with monkeypatch.context() as changed:
        changed.setattr(onnxruntime, "__version__", "0.0")
        found.add(processor.fingerprint(tiny))
    os.utime(tiny.path, ns=(0, 1))
    found.add(processor.fingerprint(tiny))
    tiny.network.graph.node[0].op_type = "Add"
    found.add(processor.fingerprint(tiny))
    assert len(found) == 5
