"""Robustness tests on real processes of this project: injected faults, random bytes, endurance.

For development only: tests and `make` use it, no installed package does. It is not in `bench`, because tests use it and
nothing may import `bench`, and because it checks correctness, not speed. Everything runs on this machine, over
loopback; the cameras, as root, also across a pair of virtual devices.

| module | one idea |
|---|---|
| `small_model` | a model that runs in milliseconds, in a file, with weights from a seed |
| `clip` | a video for it |
| `world` | a cloud, a link and an edge that streams frames; each frame's result |
| `faults` | the faults, each with its beginning and its end |
| `verdict` | the invariant: each frame has exactly one result, in order, equal to the whole model's |
| `run` | `make chaos`: many frames, random faults, a table |
| `process_use` | a process's memory, threads and descriptors |
| `soak` | `make soak`: a quarter of an hour of frames without growth |
| `fuzz`, `fuzz_*` | `make fuzz`: random bytes for the codec and for a live server |
| `cameras/` | RTSP and MJPEG cameras that number their pictures, with faults |
| `replicas/` | `make replicas`: edges with several replicas, of which one is killed every few seconds |
| `camera_runs/` | `make cameras`, `make packets`: a slow edge on live cameras; compressed streams through a cloud |
"""
