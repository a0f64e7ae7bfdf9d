"""Video files: pictures over damage, jumps of time, and beside other streams.

| module | one idea |
|---|---|
| `video_file` | the source: a file's pictures, each with its time |
| `container` | opening, and packets over errors |
| `damage` | which pictures are lost after damage; pure |
| `decoded_shots` | packets to pictures, in the order of display |
| `packed_shots`, `packed_images` | pictures that stay in their packets, or in their files |
"""

from edge_service.sources.files.video_file import VideoFile

__all__ = ["VideoFile"]
