"""A frame's stages in seconds, and how the time between sending and answer is divided among them.

Laws:

- time is an argument; nothing here reads a clock;
- no stage is negative, and the stages between sending and answer add up to the time between them.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StageTimes:
    """A frame's stages in seconds. Their sum is its latency, without the event loop's own steps.

    Attributes:
        wait_s: from submission to the start of the head.
        head_s: the head, the edge's slowdown included.
        encode_s: encoding of the tensors, the edge's slowdown included.
        link_wait_s: from the message being ready until the link has sent the frames before it.
        transfer_s: bytes on the link, up and down.
        round_trip_s: the link's round trip, which occupies no stage.
        queue_s: waiting in the cloud: in its queue, and until it had prepared the cut.
        unpack_s: decoding of the request in the cloud.
        server_s: the rest of the cloud's own time: encoding of the answer, scheduling.
        tail_s: the tail in the cloud, or here if the cloud did not answer.
        decode_s: decoding of the answer into the module's outputs.
    """

    wait_s: float = 0.0
    head_s: float = 0.0
    encode_s: float = 0.0
    link_wait_s: float = 0.0
    transfer_s: float = 0.0
    round_trip_s: float = 0.0
    queue_s: float = 0.0
    unpack_s: float = 0.0
    server_s: float = 0.0
    tail_s: float = 0.0
    decode_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ServerTimes:
    """The cloud's own time for a frame, from its answer, in seconds on the cloud's clock.

    Attributes:
        server_s: From the receipt of the whole request to the sending of the answer.
        queue_s: The part of `server_s` spent waiting: for other frames, and until the cloud had prepared the cut.
        decode_s: The part of `server_s` that decoding the request took.
        compute_s: The part of `server_s` that the tail itself took.
        load_factor: How much slower the cloud is than when it was profiled.
        replica: The server that answered; empty from an older one.
    """

    server_s: float
    queue_s: float
    decode_s: float
    compute_s: float
    load_factor: float
    replica: str = ""


class LinkTimes:
    """Divides the time between sending and answer among link, round trip and server.

    A frame's transfer is its upload and its download. The upload begins when the frame is handed to the link, or when
    the frame before it has arrived, if that is later.
    """

    def __init__(self) -> None:
        self._free_s = 0.0

    def of(
        self,
        server: ServerTimes,
        *,
        sent_s: float,
        now_s: float,
        rtt_s: float,
        download_s: float = 0.0,
        longest_upload_s: float = math.inf,
    ) -> StageTimes:
        """The stages of a frame sent at `sent_s` and answered now.

        Args:
            server: The cloud's own times.
            sent_s: When the frame was handed to the link.
            now_s: When its answer had arrived.
            rtt_s: The round trip.
            download_s: How long its answer took to arrive; 0 if that was not timed.
            longest_upload_s: The upload took no longer, so the rest of the time was spent waiting for the link: for an
                answer that waited behind another one, the upload's expected time.
        """
        began_s = max(sent_s, now_s - download_s)
        outside_s = max(0.0, began_s - sent_s - server.server_s)
        round_trip_s = min(rtt_s, outside_s)
        arrived_s = began_s - server.server_s - round_trip_s
        link_wait_s = max(0.0, min(self._free_s, arrived_s) - sent_s)
        upload_s = min(max(0.0, outside_s - round_trip_s - link_wait_s), longest_upload_s)
        link_wait_s = max(0.0, outside_s - round_trip_s - upload_s)
        self._free_s = max(self._free_s, min(arrived_s, sent_s + link_wait_s + upload_s))
        return StageTimes(
            link_wait_s=link_wait_s,
            transfer_s=upload_s + (now_s - began_s),
            round_trip_s=round_trip_s,
            queue_s=server.queue_s,
            unpack_s=server.decode_s,
            server_s=max(0.0, server.server_s - server.queue_s - server.decode_s - server.compute_s),
            tail_s=server.compute_s,
        )
