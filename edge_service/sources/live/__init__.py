"""Live sources: cameras over RTSP and HTTP, camera devices, and streams.

| module | one idea |
|---|---|
| `addresses`, `options`, `limits` | which sources are live; what users choose of them; what bounds a connection |
| `silence`, `retries`, `gaps` | when a connection is lost, when it is tried again, and what was missed; pure |
| `held_back` | when a packet arrived that FFmpeg gave out later; pure |
| `parameter_sets`, `jpeg_stream` | what the bytes of H.264, H.265 and JPEG streams say; pure |
| `ffmpeg_session`, `http_session` | one connection, by FFmpeg and by HTTP |
| `packet_log` | RTP packets that are lost on the way |
| `decoding` | packets to pictures |
| `live_video` | the source that never ends |
| `newest` | the newest picture for whoever asks |
"""

from edge_service.sources.live.addresses import check_address, is_live
from edge_service.sources.live.live_video import LiveVideo
from edge_service.sources.live.newest import LivePictures, newest
from edge_service.sources.live.options import LiveOptions, Transport

__all__ = ["LiveOptions", "LivePictures", "LiveVideo", "Transport", "check_address", "is_live", "newest"]
