"""Long runs of `dads edge` on live cameras and compressed streams, with faults; by hand, in limited time.

| module | one idea |
|---|---|
| `numbers_model` | a model that reads which picture it got |
| `watched_edge` | a `dads edge`, its results as they come, its log and its report |
| `cable` | a network namespace for the edge, and a cable to pull |
| `troubles` | the faults of a live camera |
| `real_server`, `gstreamer_server` | GStreamer's RTSP server in front of the camera |
| `figures` | ages, returns and gaps, from the results; pure |
| `live_camera` | `make cameras`: the run with live cameras, and its verdict |
| `packets_soak` | `make packets`: compressed streams through a cloud, each answer compared |
"""
