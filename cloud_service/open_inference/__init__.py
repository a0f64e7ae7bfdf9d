"""The Open Inference Protocol on the cloud's port: whole models for callers that know nothing of splits.

The stubs of package `inference` are here and not in `split_wire`: protobuf allows one definition of a message's name in
a process, and an edge or another client may use the stubs of tritonclient or KServe beside `split_wire`.
"""
