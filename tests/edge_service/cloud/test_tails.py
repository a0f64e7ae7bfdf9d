"""What the edge makes of an answer's timing."""

from edge_service.cloud.tails import GrpcTails
from edge_service.control.stage_times import LinkTimes
from split_wire import split_pb2
from split_wire.frames import TailResponse


class Call:
    def __init__(self, *events):
        self.events = iter(events)

    def __aiter__(self):
        return self

    async def __anext__(self):
        return next(self.events)


async def test_what_the_cloud_prepared_is_waiting_and_neither_load_nor_overhead():
    timing = split_pb2.ServerTiming(total_s=2.0, queue_s=0.25, prepare_s=1.5, compute_s=0.125, decode_s=0.125)
    tails = GrpcTails(Call(TailResponse(1, (), timing)), translate=None)
    server = (await anext(tails.events())).times
    assert (server.queue_s, server.compute_s) == (1.75, 0.125)
    stages = LinkTimes().of(server, sent_s=10.0, now_s=12.0, rtt_s=0.0)
    assert (stages.queue_s, stages.server_s, stages.tail_s) == (1.75, 0.0, 0.125)
