"""Trouble, made on purpose: faults, random bytes, endurance, on the real processes of this project.

For development only: tests and `make chaos`, `make fuzz`, `make soak` use it; nothing that is installed does. It stands
beside `bench` rather than in it because tests use it, and nothing imports `bench`; and it measures whether promises
hold, not how fast something is. Everything happens on this machine, over loopback or in network namespaces of its own.

| module | one idea |
|---|---|
| `small_model` | a model that runs in milliseconds, in a file, and its wrong twin |
| `clip` | moving pictures to feed it |
| `world` | a cloud, a link and an edge that streams frames; what becomes of each frame |
| `faults` | what can happen to them, and how it ends |
| `verdict` | the invariant: every frame exactly one result, in order, and the whole model's |
| `run` | `make chaos`: many frames, random faults, a table |
| `process_use` | what a process holds: memory, threads, descriptors |
| `soak` | `make soak`: the same for a quarter of an hour, and what grew |
| `fuzz`, `fuzz_*` | `make fuzz`: bytes that nobody would send, at the codec and at a live server |
"""
