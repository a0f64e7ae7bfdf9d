import json
import threading

from edge_service.sources.source_report import SourceReport


def test_a_source_that_nothing_happened_to() -> None:
    assert SourceReport("rtsp://u:secret@camera/1").as_json() == {
        "spec": "rtsp://***@camera/1",
        "read": 0,
        "failed": 0,
        "failures": {},
        "discontinuities": 0,
        "reconnects": 0,
        "lost_packets": 0,
        "gaps": [],
        "gaps_not_listed": 0,
        "error": None,
    }


def test_kinds_of_failures_are_told_once_and_bounded() -> None:
    report = SourceReport()
    assert [report.failed("truncated"), report.failed("truncated"), report.failed("no picture")] == [True, False, True]
    new = [report.failed(f"kind {number}") for number in range(100)]
    assert sum(new) == 18
    made = report.as_json()
    assert made["failed"] == 103 == sum(made["failures"].values())
    assert len(made["failures"]) == 21
    assert made["failures"]["truncated"] == 2


def test_gaps_are_named_masked_and_bounded() -> None:
    report = SourceReport()
    for number in range(1003):
        report.gap(number, 0.12345, "rtsp://u:secret@camera ended")
    made = report.as_json()
    assert (len(made["gaps"]), made["gaps_not_listed"]) == (1000, 3)
    assert made["gaps"][-1] == {"at_s": 1002, "seconds": 0.123, "why": "rtsp://***@camera ended"}
    json.dumps(made)


def test_the_first_error_counts_and_is_masked() -> None:
    report = SourceReport()
    report.ended_by(OSError("rtsp://u:secret@camera is gone"))
    report.ended_by("later")
    assert report.error == report.as_json()["error"] == "rtsp://***@camera is gone"


def test_threads_count_together() -> None:
    report = SourceReport()

    def count() -> None:
        for _ in range(2000):
            report.read()
            report.reconnected()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert report.as_json()["read"] == report.reconnects == 8000
