"""Cameras on loopback that tests and long runs read: RTSP and MJPEG over HTTP, with faults on command.

| module | one idea |
|---|---|
| `bar_code` | a number drawn into a picture, and read from what came of it |
| `film` | numbered pictures, encoded; clips of them as files |
| `options` | what a camera sends, and to whom |
| `camera` | pictures in real time, and the faults |
| `viewer`, `threaded_server` | clients, and the server they talk to |
| `rtp`, `rtp_jpeg`, `sdp`, `rtsp` | cameras that speak RTSP, with H.264 or JPEG |
| `mjpeg` | a camera that sends JPEGs over HTTP |
"""
