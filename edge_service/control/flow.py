"""The state machine of frames and connection: takes what happened and when, and returns what to do.

    a frame    handed_over ─► in flight ─ answered ──────────────► its outputs are read; if large, announced before
                                 ├────── refused, not_sent ──────► it is finished here
                                 ├────── deadline_passed ────────► all are finished here, and the stream is renewed
                                 └────── connection_lost ────────► all are finished here

    the        DOWN ── opened ──► CLEAR ── stream_renewed, a pause of the heartbeats ──► CLOGGED
    connection   ▲                  ▲                                                      │  │
                 │                  └─────────────────────── pinged ───────────────────────┘  │
                 └──────── silence, connection_lost ──── from CLEAR and from CLOGGED ─────────┘
               What was CLOGGED before a loss still is after `opened`, until a ping is answered. Pings and probes wait
               until no frame is on the link.

The shells (`Offload`, `CloudLink`) turn I/O into these calls and carry out the orders. Measurements are judged here and
in `estimators/uplink_samples.py`, and reach the controller as events.

Laws:

- time is an argument of every call and never goes back;
- a frame that was handed over leaves exactly once, by an answer or by a `FinishHere`; later calls for it, or calls for
  an unknown frame, change nothing;
- after a deadline or a loss no frame is in flight: answers to frames sent before are neither awaited nor timed;
- while the socket may hold data of a cancelled stream, no probe is sent: the probe would measure a slow link;
- if two heartbeats are too far apart, the link was stalled between them: uploads under way then give no sample;
- where connections are replaced, frames in flight stay so: they are answered on the old one, or sent again;
- while a large answer arrives, heartbeats wait behind it: then silence means nothing, and the frame's deadline judges.
"""

import math
from collections.abc import Mapping
from dataclasses import replace

from edge_service.control import measured_work
from edge_service.control.controller import Controller, OneCloud
from edge_service.control.estimators.download_clock import Download, DownloadClock
from edge_service.control.estimators.heartbeats import Heartbeats
from edge_service.control.estimators.upload_clock import UploadClock
from edge_service.control.events import (
    AnswerMissed,
    CloudAnswered,
    CloudBusy,
    CloudLoadReported,
    CloudLost,
    CloudProfiled,
    ConnectionReplaced,
    DownloadStalled,
    HeartbeatsResumed,
    OverheadMeasured,
    PacketsRefusal,
    PacketsRefused,
    PacketsSeen,
    PictureDecoded,
    ReplicaAnswers,
    RoundTripMeasured,
    SplitImpossible,
    UploadStalled,
)
from edge_service.control.orders import (
    Answered,
    Duty,
    FinishHere,
    Probe,
    Sent,
    answer_timeout_s,
    longer_upload_s,
)
from edge_service.control.plan import Plan
from edge_service.control.stage_times import LinkTimes, ServerTimes, StageTimes

_UNANNOUNCED_BYTES = 32_000  # an answer of so much that was not announced is from a cloud that announces none


class Flow:
    """See the module docstring.

    Args:
        controller: Receives the measurements, and says when to connect, ping and probe.
        silence_s: The cloud is lost if it sends nothing for this long.
        heartbeat_s: The cloud's usual interval between heartbeats.
        longest_beat_s: The longest interval that was agreed for idle streams.
    """

    def __init__(
        self,
        controller: Controller | OneCloud,
        *,
        silence_s: float,
        heartbeat_s: float,
        longest_beat_s: float = 0.0,
    ) -> None:
        self._controller = controller
        self._heartbeats = Heartbeats(silence_s=silence_s, usual_s=heartbeat_s, longest_s=longest_beat_s)
        self._replica = ""
        self._in_flight: dict[int, Sent] = {}
        self._uploads = UploadClock()
        self._downloads = DownloadClock()
        self._announces = False
        self._link_times = LinkTimes()
        self._heard_s: float | None = None  # None while DOWN
        self._clogged = False

    # --- a frame ------------------------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Frames that were handed over, without an answer or a `FinishHere` yet."""
        return len(self._in_flight)

    def cut_encoded(self, plan: Plan, tensor_bytes: int, now_s: float) -> None:
        """A frame's cut, or its packets, were encoded into `tensor_bytes` bytes."""
        self._controller.observe(measured_work.encoded(plan, tensor_bytes), now_s)

    def packets_seen(self, size: int, now_s: float) -> None:
        """A frame went another way than as packets, which would have taken `size` bytes."""
        self._controller.observe(PacketsSeen(size), now_s)

    def picture_decoded(self, seconds: float, now_s: float) -> None:
        """A frame was decoded and prepared here, outside of a head."""
        self._controller.observe(PictureDecoded(seconds), now_s)

    def head_ran(self, plan: Plan, head_s: float, now_s: float, *, decoded_s: float = 0.0) -> None:
        """A frame's head took `head_s`, of which decoding and preparing its picture took `decoded_s`."""
        for event in measured_work.head_ran(plan, head_s, decoded_s):
            self._controller.observe(event, now_s)

    def handed_over(self, frame_id: int, size: int, plan: Plan, *, encode_s: float, now_s: float) -> Sent:
        """A frame of `size` bytes, encoded in `encode_s`, is handed to the link."""
        longer_s = longer_upload_s(plan, size)
        ahead_s = sum(sent.longer_s for sent in self._in_flight.values())
        timeout_s = answer_timeout_s(plan, len(self._in_flight)) + ahead_s + longer_s
        sent = self._in_flight[frame_id] = Sent(plan, encode_s, now_s, timeout_s, size, longer_s)
        self._uploads.sent(frame_id, size, now_s)
        return sent

    def look_for_late_uploads(self, now_s: float) -> None:
        """Checks for uploads that take too long, to notice a slow link before a deadline passes; call it often."""
        oldest = next(iter(self._in_flight.values()), None)
        if oldest is None or self._downloads.under_way is not None:
            return
        late = self._uploads.late(now_s, server_s=self._unheard_s(oldest), rtt_s=self._rtt_s)
        if late is not None:
            self._controller.observe(late, now_s)

    def announced(self, frame_id: int, size: int, server_s: float, now_s: float) -> None:
        """A frame's answer of `size` bytes begins to arrive, after `server_s` in the cloud."""
        self._announces = True
        if frame_id not in self._in_flight:
            return
        if self._downloads.announced(frame_id, size, now_s).waited:
            self._upload_lost(frame_id, now_s)
            return
        for sample in self._uploads.answered(frame_id, now_s, server_s=server_s, rtt_s=self._rtt_s):
            self._controller.observe(sample, now_s)

    def answered(self, frame_id: int, server: ServerTimes, now_s: float, size: int = 0) -> Answered | None:
        """A frame was answered with `size` bytes; returns None if the frame is not in flight any more."""
        sent = self._in_flight.get(frame_id)
        if sent is None:
            return None
        observe, rtt_s = self._controller.observe, self._rtt_s
        download = self._downloads.answered(frame_id, now_s) or self._unannounced(frame_id, sent, server, now_s, size)
        if download is not None:
            observe(download.sample(now_s), now_s)
        else:
            for sample in self._uploads.answered(frame_id, now_s, server_s=server.server_s, rtt_s=rtt_s):
                observe(sample, now_s)
        observe(CloudAnswered(), now_s)
        observe(CloudLoadReported(server.load_factor, server.replica), now_s)
        for event in measured_work.tail_ran(sent.plan, server):
            observe(event, now_s)
        times = self._link_times.of(
            server,
            sent_s=sent.sent_s,
            now_s=now_s,
            rtt_s=rtt_s,
            download_s=0.0 if download is None else now_s - download.began_s,
            longest_upload_s=sent.upload_s if download is not None and download.waited else math.inf,
        )
        del self._in_flight[frame_id]  # only now: a frame whose answer cannot be judged goes with the connection
        return Answered(sent, now_s, times, server.replica)

    def outputs_read(self, answered: Answered, now_s: float) -> StageTimes:
        """An answer was read; returns all stages from sending on."""
        times = replace(answered.times, decode_s=now_s - answered.answered_s)
        # A cut is encoded from cold caches and into a message, so it takes longer than its layers did when measured.
        encoded_late_s = answered.sent.encode_s - answered.sent.plan.partition.encode_s
        overhead_s = times.server_s + times.decode_s + encoded_late_s
        self._controller.observe(OverheadMeasured(overhead_s, answered.replica), now_s)
        return times

    def refused(
        self,
        frame_id: int,
        reason: str,
        retry_after_s: float | None,
        now_s: float,
        *,
        always: bool = False,
        packets: PacketsRefusal | None = None,
    ) -> FinishHere | None:
        """The cloud refused a frame.

        Args:
            frame_id: The frame.
            reason: Why, in words.
            retry_after_s: When the cloud accepts the next one; None if it did not say.
            now_s: The time.
            always: Whether it will refuse every frame with this split.
            packets: Set if it refused only that the frame came as packets: for how long. That is no failure of the
                cloud, whatever else was said.
        """
        sent = self._in_flight.pop(frame_id, None)
        if sent is None:
            return None
        self._upload_lost(frame_id, now_s)
        self._downloads.answered(frame_id, now_s)
        if packets is not None:
            if packets is not PacketsRefusal.FRAME:
                self._controller.observe(PacketsRefused(reason, packets is PacketsRefusal.RUN), now_s)
        elif always:
            self._controller.observe(SplitImpossible(sent.plan.partition.edge, sent.plan.packets), now_s)
        else:
            self._controller.observe(AnswerMissed() if retry_after_s is None else CloudBusy(retry_after_s), now_s)
        return FinishHere((frame_id,), reason)

    def largest_refused(self, now_s: float) -> None:
        """The connection ends because a frame is larger than the cloud accepts; it does not say which."""
        if self._in_flight:
            largest = max(self._in_flight.values(), key=lambda sent: sent.bytes)
            self._controller.observe(SplitImpossible(largest.plan.partition.edge, largest.plan.packets), now_s)

    def not_sent(self, frame_id: int, reason: str, now_s: float) -> FinishHere | None:
        """The transport did not take a frame."""
        if self._in_flight.pop(frame_id, None) is None:
            return None
        self._upload_lost(frame_id, now_s)
        self._downloads.answered(frame_id, now_s)  # its answer had begun, on an old connection that broke
        return FinishHere((frame_id,), reason)

    def deadline_passed(self, frame_id: int, now_s: float) -> FinishHere | None:
        """A frame was not answered in time: link or cloud are slower than estimated, so all frames finish here."""
        sent = self._in_flight.get(frame_id)
        if sent is None:
            return None
        download = self._downloads.under_way
        if download is None:
            stalled, _ = self._uploads.lost(frame_id, now_s, server_s=self._unheard_s(sent), rtt_s=self._rtt_s)
            self._controller.observe(AnswerMissed() if stalled is None else stalled, now_s)
        else:
            self._controller.observe(download.bound(now_s), now_s)
            self._heard_s = now_s  # heartbeats still wait behind what the socket holds of it
        return FinishHere(self._give_up_all(), f"no answer within {now_s - sent.sent_s:.2f} s", renew=True)

    # --- the connection -----------------------------------------------------------------------------------------

    def duty(self, now_s: float) -> Duty:
        """What the connection needs now. A `CONNECT` counts as an attempt: report its outcome."""
        if self._heard_s is None:
            return Duty.CONNECT if self._controller.reconnect_due(now_s) else Duty.NOTHING
        known_s = self._known_s()
        if self._heartbeats.are_missing(now_s, self._heard_s, known_s) and self._downloads.under_way is None:
            return Duty.GIVE_UP
        return Duty.NOTHING if self._in_flight else Duty.MEASURE

    def profiled(
        self,
        cloud_s: tuple[float, ...],
        decode_s: Mapping[str, tuple[float, ...]],
        load_factor: float,
        now_s: float,
        *,
        takes_packets: bool = False,
        replica: str = "",
        again: bool = False,
    ) -> None:
        """The cloud answered and sent a profile: `replica`'s; `again` if the connection was open before.

        Raises:
            PartitionError: The profile does not fit the graph.
        """
        if again and self._heard_s is None:
            return  # the connection is lost: its load would close the breaker, and nobody would connect again
        self._controller.observe(CloudProfiled(cloud_s, decode_s, takes_packets, replica, again), now_s)
        self._controller.observe(CloudLoadReported(load_factor, replica), now_s)
        if not again:
            self._replica = replica
            self._controller.observe(CloudAnswered(), now_s)

    def opened(self, now_s: float) -> None:
        """The streams are open; heartbeats are expected from now on."""
        self._heard_s = now_s
        self._heartbeats.restart()

    def answers_from(self, replica: str, now_s: float) -> None:
        """The frames' stream said which replica serves it."""
        if replica and replica != self._replica:
            self._replica = replica
            self._controller.observe(ReplicaAnswers(replica), now_s)

    def others_answer(self) -> bool:
        """Whether another cloud can be sent frames now: then none waits here for another connection."""
        return self._controller.others_answer()

    def interrupted(self) -> None:
        """The connection broke, and another is tried at once: what is under way measures nothing."""
        self._uploads.doubt()
        self._downloads.restart()

    def replaced(self, now_s: float) -> None:
        """Frames go by another connection now; those in flight are still awaited."""
        self._uploads.doubt()
        self.opened(now_s)
        self._controller.observe(ConnectionReplaced(), now_s)

    def connection_lost(self, reason: str, retry_after_s: float | None, now_s: float) -> FinishHere:
        """The connection broke, was given up or could not be opened."""
        self._heard_s = None
        self._announces = False
        self._controller.observe(CloudLost(reason, retry_after_s), now_s)
        return FinishHere(self._give_up_all(), reason)

    def stream_renewed(self) -> None:
        """The frames' stream was cancelled and another opened: the socket may still hold data of the old one."""
        self._clogged = True
        self._heartbeats.renewed()

    def heard(self, now_s: float) -> bool:
        """Something arrived from the cloud; returns whether the link was stalled before: then a probe is void."""
        if self._heard_s is None:
            return False
        resumed = now_s - self._heard_s > self._heartbeats.gap_s and self._downloads.under_way is None
        self._heard_s = now_s
        if resumed:
            self._clogged = True  # the socket holds what was sent during the pause
            self._uploads.doubt()
            self._controller.observe(HeartbeatsResumed(), now_s)
        return resumed

    def heartbeat(
        self, load_factor: float, now_s: float, *, replica: str = "", next_s: float = 0.0, pulse: bool = False
    ) -> None:
        """A heartbeat arrived with a replica's load; a heartbeat of a lost connection is ignored.

        Args:
            load_factor: The load.
            now_s: The time.
            replica: Whose it is.
            next_s: When the next one comes at the latest.
            pulse: Whether it came on the pulse; else on the frames' stream.
        """
        if self._heard_s is not None:
            self._heartbeats.promised(next_s, pulse=pulse)
            self._controller.observe(CloudLoadReported(load_factor, replica), now_s)

    # --- measurements -------------------------------------------------------------------------------------------

    def ping_due(self, now_s: float) -> bool:
        """Whether to ping now: to measure the round trip, or to find out when a clogged socket is clear."""
        wanted = self._controller.ping_due(now_s)
        return wanted or self._clogged

    def pinged(self, seconds: float, now_s: float) -> None:
        """A ping was answered."""
        self._clogged = False
        self._controller.observe(RoundTripMeasured(seconds), now_s)

    def profile_due(self, now_s: float) -> bool:
        """Whether to ask for a profile: a replica answers frames that sent none yet."""
        return self._controller.profile_due(now_s)

    def probe_due(self, now_s: float) -> int | None:
        """Bytes of a probe to send now, or None."""
        return None if self._clogged else self._controller.probe_due(now_s)

    @property
    def is_clogged(self) -> bool:
        """Whether the socket may hold data of a cancelled stream: then a probe that was due is void."""
        return self._clogged

    def down_probe_due(self, now_s: float) -> int | None:
        """Bytes of a probe of the downlink to ask for now, or None."""
        return None if self._clogged else self._controller.down_probe_due(now_s)

    def probe_begun(self, size: int, now_s: float, *, down: bool = False) -> Probe:
        """A probe of `size` bytes is being sent, or asked for if it is to come down."""
        slow_starts = self._controller.downlink_slow_starts if down else self._controller.slow_starts
        return Probe(size, now_s, window_is_open=not slow_starts(now_s), down=down)

    def probe_read(self, probe: Probe, received_bytes: int, received_s: float, now_s: float) -> None:
        """A probe was read: its second half, `received_bytes`, took `received_s` on the receiver's clock."""
        call_s = now_s - probe.began_s - self._rtt_s
        sample = probe.sample(call_s, received_bytes, received_s)
        if sample is not None:
            self._controller.observe(sample, now_s)

    def probe_timed_out(self, probe: Probe, timeout_s: float, now_s: float) -> None:
        """A probe was not read within `timeout_s`."""
        stalled = DownloadStalled if probe.down else UploadStalled
        self._controller.observe(stalled(probe.bytes, timeout_s), now_s)

    # --- shared -------------------------------------------------------------------------------------------------

    def _upload_lost(self, frame_id: int, now_s: float) -> None:
        """The end of this upload stays unknown; samples of later uploads that waited for it are reported now."""
        _, samples = self._uploads.lost(frame_id, now_s)
        for sample in samples:
            self._controller.observe(sample, now_s)

    def _unannounced(self, frame_id: int, sent: Sent, server: ServerTimes, now_s: float, size: int) -> Download | None:
        """The download of a large answer from a cloud that announces none; None for any other answer.

        Its time is what the expected upload leaves; known only for a frame that was alone on the link.
        """
        if size < _UNANNOUNCED_BYTES or self._announces or sent.plan.uplink_bps is None:
            return None
        self._upload_lost(frame_id, now_s)
        began_s = sent.sent_s + sent.upload_s + self._rtt_s + server.server_s
        if len(self._in_flight) > 1 or began_s >= now_s:
            return None
        return Download(frame_id, size, began_s, after_idle=True, waited=False)

    def _unheard_s(self, sent: Sent) -> float:
        """Seconds between the end of a frame's upload and the first that is heard of it, besides the round trip."""
        return sent.plan.partition.cloud_s + (0.0 if self._announces else sent.plan.answer_s)

    def _give_up_all(self) -> tuple[int, ...]:
        frame_ids = tuple(self._in_flight)
        self._in_flight.clear()
        self._uploads.restart()
        self._downloads.restart()
        return frame_ids

    def _known_s(self) -> float | None:
        """When the cloud has known of frames in flight; None if there are none, or if they wait behind old data."""
        oldest = next(iter(self._in_flight.values()), None)
        if oldest is None or self._clogged:
            return None
        return oldest.sent_s + oldest.upload_s + oldest.longer_s + self._rtt_s

    @property
    def _rtt_s(self) -> float:
        return self._controller.rtt_s
