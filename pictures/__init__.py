"""From packets or files to a model's input: the same pixels on both sides, without torch.

In reading order:

| module | one idea |
|---|---|
| `picture` | a decoded picture, RGB and upright |
| `preprocess` | the choices: how a picture becomes a model's input; their text form |
| `placement` | where the model's input lies in the picture as it is shown |
| `prepare` | a picture to the model's uint8 [1, 3, H, W], and the digest of its pixels |
| `stills` | files and packets that hold one picture each |
| `stream_format`, `packets` | what a decoder needs: the stream's format, and numbered packets |
| `rgb` | a decoded video frame to a picture |
| `decoder` | packets of a video to pictures, converted on demand |
| `groups` | packets from a keyframe on, and a decoder that goes on from picture to picture |
| `history` | a source's packets by groups: sent as they are, or decoded when a picture is asked for |
| `worker`, `worker_messages`, `shown_pictures` | a decoder in a process of its own, one for each session |
| `versions` | what decodes here, in words |
"""

from pictures.decoder import PacketDecoder
from pictures.errors import PictureError, PicturePendingError, PreprocessError
from pictures.history import Compressed, PacketHistory
from pictures.packets import Packet
from pictures.picture import Picture
from pictures.placement import Placement
from pictures.prepare import pixels_digest, placed, prepared
from pictures.preprocess import Preprocess
from pictures.rgb import picture_of
from pictures.stills import decode_still
from pictures.stream_format import StreamFormat
from pictures.versions import versions

__all__ = [
    "Compressed",
    "Packet",
    "PacketDecoder",
    "PacketHistory",
    "Picture",
    "PictureError",
    "PicturePendingError",
    "Placement",
    "Preprocess",
    "PreprocessError",
    "StreamFormat",
    "decode_still",
    "picture_of",
    "pixels_digest",
    "placed",
    "prepared",
    "versions",
]
