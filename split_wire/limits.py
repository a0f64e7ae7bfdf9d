"""The limits and fixed periods of the wire contract, as `split.proto` documents them.

A server may be configured to accept less; neither side may send more.
"""

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
"""One gRPC message, in both directions. gRPC's own default of 4 MiB is too small for a first layer's output."""

ENVELOPE_BYTES = 64 * 1024
"""Reserved in a message of maximal size for all but tensors' bytes: `MAX_TENSORS` names and shapes, and a digest."""

MAX_CUT_BYTES = MAX_MESSAGE_BYTES - ENVELOPE_BYTES
"""The tensors of one request, or of one answer, together."""

TIMEOUT_BYTES = 9
"""The timeout that `StreamTailsRequest` has besides the request: a tag and a double."""

MAX_TENSORS = 256
"""Tensors in one request; also the bound on `Tensor.index`."""

MAX_DIMS = 32
"""Dimensions of one tensor."""

MAX_NAME_BYTES = 256
"""A layer's, model's or output's name, in UTF-8."""

MAX_PROBE_BYTES = 4 * 1024 * 1024
"""Filler accepted in one probe of the uplink, or sent in one of the downlink."""

MAX_PROBE_S = 5.0
"""Seconds that one probe may take."""

ANNOUNCED_BYTES = 16_000
"""A result whose outputs' data take so much or more is announced on `StreamTails`; smaller ones time no downlink."""

HEARTBEAT_INTERVAL_S = 0.5
"""Seconds between two heartbeats of `StreamTails`."""

MAX_CHANNELS = 4096
"""Channels of one tensor that are quantised separately."""

MIN_CHANNEL_ELEMENTS = 16
"""Elements of a channel that is quantised separately: scale and offset take 8 bytes, so fewer would save too little."""

MAX_ENVELOPE_BYTES = 1024 * 1024
"""A message with tensors, without their data."""

MAX_FIELDS = 16384
"""Fields of a message with tensors, at all levels: reading each takes time."""

MAX_PACKETS = 512
"""Packets of a compressed source in one request."""

MAX_PACKET_NUMBER = 2**62
"""A packet's number, and the one after the last; FFmpeg's clocks hold it."""

MAX_EXTRADATA_BYTES = 64 * 1024
"""The parameter sets of a codec."""

MAX_CODEC_BYTES = 32
"""A codec's name."""

MAX_PREPROCESS_BYTES = 128
"""The text form of how a picture becomes a frame."""

MAX_CODED_SIDE = 16_384
"""Width and height of a coded picture, in pixels."""

MAX_CODED_PIXELS = 64_000_000
"""All pixels of a coded picture."""

MAX_ASPECT = 64
"""A pixel's width over its height, or the reverse."""

MAX_REORDER = 16
"""Pictures that a decoder holds back to bring them into display order; what H.264 and H.265 allow."""

PIXELS_DIGEST_BYTES = 16
"""A digest of a frame's pixels."""

SESSION_IDLE_S = 30.0
"""Seconds without packets that end a session of packets."""
