"""The dashboard's rows about the network, the frames, the cloud and the processes."""

from __future__ import annotations

from expressions import BY_EDGE, CLOUD, EDGE, OUTCOME_COLOURS, STAGE_COLOURS, quantile
from panels import Json, heatmap, lines, query


def network() -> list[Json]:
    """The link's estimates, and the bytes sent."""
    return [
        lines(
            "Uplink",
            "Estimated from uploads and probes; 0 while unknown.",
            "bps",
            query(f"dads_uplink_bits_per_second{{{EDGE}}}", "{{instance}}"),
        ),
        lines(
            "Downlink",
            "Estimated from large answers and probes; 0 while unknown, and where a model's outputs are small.",
            "bps",
            query(f"dads_downlink_bits_per_second{{{EDGE}}}", "{{instance}}"),
        ),
        lines(
            "Round trip",
            "The recent minimum of small calls.",
            "s",
            query(f"dads_round_trip_seconds{{{EDGE}}}", "{{instance}}"),
        ),
        lines(
            "Sent",
            "Bytes to the cloud: tensors of frames, and probes that measure the link.",
            "Bps",
            query(
                f"sum by ({BY_EDGE}, kind) (rate(dads_bytes_sent_total{{{EDGE}}}[$__rate_interval]))",
                "{{instance}} {{kind}}",
            ),
            stacked=True,
        ),
    ]


def frames() -> list[Json]:
    """The frames' outcomes and latencies."""
    buckets = f"increase(dads_frame_latency_seconds_bucket{{{EDGE}}}[$__rate_interval])"
    return [
        lines(
            "Frames by outcome",
            "Every frame has exactly one outcome.",
            "cps",
            query(
                f"sum by ({BY_EDGE}, outcome) (rate(dads_frames_total{{{EDGE}}}[$__rate_interval]))",
                "{{instance}} {{outcome}}",
            ),
            stacked=True,
            colours=OUTCOME_COLOURS,
            width=12,
        ),
        lines(
            "Frame latency",
            "From a frame's arrival to its result: the median, 95th and 99th percentile.",
            "s",
            query(quantile(0.5), "{{instance}} p50"),
            query(quantile(0.95), "{{instance}} p95"),
            query(quantile(0.99), "{{instance}} p99"),
            width=12,
        ),
        heatmap(
            "Frame latency, all of it",
            "Two bands mean two kinds of frames, such as two splits, or late answers.",
            "s",
            f"sum by (le) ({buckets})",
        ),
        lines(
            "Live source",
            "Connections to a camera that was lost before, and RTP packets that were lost on the way.",
            "short",
            query(f"increase(dads_source_reconnects_total{{{EDGE}}}[$__rate_interval])", "{{instance}} connections"),
            query(f"increase(dads_source_lost_packets_total{{{EDGE}}}[$__rate_interval])", "{{instance}} packets"),
        ),
    ]


def servers() -> list[Json]:
    """Which of several clouds, and of the replicas behind an address, answer the edges."""
    return [
        lines(
            "Frames by cloud",
            "By the cloud that answered, where an edge has several.",
            "cps",
            query(
                f"sum by ({BY_EDGE}, cloud) (rate(dads_cloud_frames_total{{{EDGE}}}[$__rate_interval]))",
                "{{instance}} {{cloud}}",
            ),
            stacked=True,
        ),
        lines(
            "Cloud in use",
            "1 for the cloud in use, and for those that frames can be sent to.",
            "short",
            query(f"dads_cloud_in_use{{{EDGE}}}", "{{instance}} {{cloud}} in use"),
            query(f"dads_cloud_usable{{{EDGE}}}", "{{instance}} {{cloud}} usable"),
        ),
        lines(
            "Changes of server",
            "Changes of the cloud in use, streams that another replaced, and the replicas heard lately.",
            "short",
            query(f"increase(dads_cloud_changes_total{{{EDGE}}}[$__rate_interval])", "{{instance}} clouds"),
            query(
                f"increase(dads_stream_renewals_total{{{EDGE}}}[$__rate_interval])", "{{instance}} streams, {{reason}}"
            ),
            query(f"dads_cloud_replicas{{{EDGE}}}", "{{instance}} replicas"),
        ),
    ]


def clouds() -> list[Json]:
    """The clouds' calls, stages and load."""
    return [
        lines(
            "Cloud: calls",
            "By method and status; each frame of a stream counts.",
            "cps",
            query(
                f"sum by (method, code) (rate(dads_rpc_seconds_count{{{CLOUD}}}[$__rate_interval]))",
                "{{method}} {{code}}",
            ),
            stacked=True,
            width=12,
        ),
        lines(
            "Cloud: refusals",
            "By reason.",
            "cps",
            query(f"sum by (reason) (rate(dads_rejected_total{{{CLOUD}}}[$__rate_interval]))", "{{reason}}"),
            stacked=True,
            width=12,
        ),
        lines(
            "Cloud: time of a frame",
            "By stage, in the cloud.",
            "s",
            query(
                f"sum by (job, instance, stage) (rate(dads_stage_seconds_sum{{{CLOUD}}}[$__rate_interval]))"
                f" / on (job, instance) group_left () sum by (job, instance)"
                f' (rate(dads_stage_seconds_count{{{CLOUD}, stage="tail"}}[$__rate_interval]))'
                f" and on (job, instance) dads_tails_in_flight{{{CLOUD}}}",
                "{{instance}} {{stage}}",
            ),
            stacked=True,
            colours=STAGE_COLOURS,
        ),
        lines(
            "Cloud: tails in flight",
            "Waiting or computed. When the queue is full, the cloud refuses frames.",
            "short",
            query(f"dads_tails_in_flight{{{CLOUD}}}", "{{instance}}"),
        ),
        lines(
            "Cloud: load factor",
            "How many times slower than when it was profiled, as the cloud measures it.",
            "short",
            query(
                f'dads_load_factor{{{CLOUD}, side="cloud"}} and on (job, instance) dads_tails_in_flight{{{CLOUD}}}',
                "{{instance}}",
            ),
        ),
    ]


def processes() -> list[Json]:
    """The services' use of processor and memory."""
    return [
        lines(
            "Processor",
            "Processor cores that are busy with a service.",
            "short",
            query(f"rate(process_cpu_seconds_total{{{EDGE}}}[$__rate_interval])", "{{instance}}"),
            query(f"rate(process_cpu_seconds_total{{{CLOUD}}}[$__rate_interval])", "{{instance}}"),
            width=12,
        ),
        lines(
            "Memory",
            "Resident memory of a service.",
            "bytes",
            query(f"process_resident_memory_bytes{{{EDGE}}}", "{{instance}}"),
            query(f"process_resident_memory_bytes{{{CLOUD}}}", "{{instance}}"),
            width=12,
        ),
    ]
