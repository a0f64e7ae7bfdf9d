import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.links.namespaces import ip, open_namespaces
from bench.links.shaped import KINDS, LinkError, available_kinds, open_link
from link_emulator import Trace

SEND = """
import socket, sys, time
host, port = sys.argv[1].rsplit(":", 1)
with socket.create_connection((host, int(port)), timeout=30) as connection:
    connection.settimeout(None)
    began_s = time.monotonic()
    connection.sendall(bytes(int(sys.argv[2])))
    connection.shutdown(socket.SHUT_WR)
    connection.recv(1)
    print(time.monotonic() - began_s)
"""
RECEIVE = """
import socket, sys
host, port = sys.argv[1].rsplit(":", 1)
with socket.create_server((host, int(port))) as server:
    print(server.getsockname()[1], flush=True)
    while True:
        connection, _ = server.accept()
        with connection:
            while connection.recv(1 << 16):
                pass
            connection.sendall(b"x")
"""


@pytest.fixture(params=KINDS)
def kind(request):
    if request.param not in available_kinds():
        with pytest.raises(LinkError) as caught, open_link(1e6, kind=request.param):
            pass
        pytest.skip(str(caught.value))
    return request.param


@pytest.fixture
def root():
    if os.geteuid() != 0 or "tbf" not in available_kinds():
        pytest.skip("network namespaces need root, ip and tc")


def seconds_for(link, size_bytes):
    with subprocess.Popen(
        link.on_cloud([sys.executable, "-c", RECEIVE, link.listen]), stdout=subprocess.PIPE, text=True
    ) as cloud:
        try:
            command = link.on_edge(
                [sys.executable, "-c", SEND, link.dial(int(cloud.stdout.readline())), str(size_bytes)]
            )
            return float(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)
        finally:
            cloud.terminate()


def namespaces_of(pid):
    return [line.split()[0] for line in ip("netns", "list").splitlines() if line.startswith(f"dads-bench-{pid}-")]


def test_the_rate_holds_and_changes(kind):
    with open_link(8e6, kind=kind) as link:
        assert link.kind == kind
        assert 0.5 < seconds_for(link, 1_000_000) < 2.0 + 0.5
        link.set_uplink(80e6)
        assert seconds_for(link, 1_000_000) < 0.5
        link.play(Trace((0.0, 60.0), (8e6, 80e6)))
        assert seconds_for(link, 500_000) > 0.25


def test_a_round_trip_takes_its_time():
    with open_link(100e6, rtt_s=0.2) as link:
        assert 0.2 <= seconds_for(link, 1) < 2.0
    with open_link(100e6, rtt_s=0.0) as link:
        assert seconds_for(link, 1) < 0.2


def test_congestion_control_is_the_one_asked_for(root):
    with open_link(8e6, congestion="cubic") as link:
        command = link.on_edge(["cat", "/proc/sys/net/ipv4/tcp_congestion_control"])
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "cubic"
        assert link.congestion == "cubic"
    with pytest.raises(LinkError, match="no congestion control 'none'"), open_link(8e6, congestion="none"):
        pass


def test_links_that_open_at_once_do_not_disturb_each_other(root):
    def congestion_of(name):
        with open_link(8e6, congestion=name) as link:
            return link.congestion

    wanted = ["cubic", "reno"] * 3
    before = Path("/proc/sys/net/ipv4/tcp_allowed_congestion_control").read_text()
    with ThreadPoolExecutor(len(wanted)) as pool:
        assert list(pool.map(congestion_of, wanted)) == wanted
    assert Path("/proc/sys/net/ipv4/tcp_allowed_congestion_control").read_text() == before


def test_several_links_stand_side_by_side_and_nothing_stays(root):
    with open_link(8e6) as one, open_link(16e6) as other:
        assert len(namespaces_of(os.getpid())) == 4
        assert seconds_for(one, 10_000) < 1.0
        assert seconds_for(other, 10_000) < 1.0
    assert namespaces_of(os.getpid()) == []


def test_an_interrupt_takes_the_link_away(root):
    program = (
        "import signal\nfrom bench.links.shaped import open_link\n"
        "with open_link(8e6):\n    print('open', flush=True)\n    signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as child:
        assert child.stdout.readline() == "open\n"
        assert len(namespaces_of(child.pid)) == 2
        child.send_signal(signal.SIGINT)
        child.wait(timeout=20)
    assert namespaces_of(child.pid) == []


def test_what_a_killed_benchmark_left_is_removed(root):
    program = (
        "import os\nfrom bench.links.shaped import open_link\n"
        "with open_link(8e6):\n    print('open', flush=True)\n    os.kill(os.getpid(), 9)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "open\n"
        child.wait(timeout=20)
    assert len(namespaces_of(child.pid)) == 2
    with open_namespaces(None):
        assert namespaces_of(child.pid) == []


def test_errors_say_what_is_wrong(monkeypatch):
    for arguments in ({"uplink_bps": 0.0}, {"uplink_bps": 1e6, "rtt_s": -1.0}, {"uplink_bps": 1e6, "downlink_bps": 0}):
        with pytest.raises(LinkError, match="must be"), open_link(**arguments):
            pass
    with pytest.raises(LinkError, match="to be one of packets, tbf, emulator"), open_link(1e6, kind="netem"):
        pass
    with pytest.raises(LinkError, match="cannot run TCP with 'cubic'"):
        open_link(1e6, kind="emulator", congestion="cubic").__enter__()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LinkError, match="needs root"), open_link(1e6, kind="packets"):
        pass
    with open_link(1e6) as link:
        assert link.kind == "emulator"


def test_a_link_without_delay_says_so(root):
    with pytest.raises(LinkError, match="tbf has no delay"), open_link(1e6, kind="tbf", rtt_s=0.1):
        pass
