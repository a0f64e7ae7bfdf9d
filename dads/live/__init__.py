"""The live page of an edge: the split in use, drawn, with its times and the last results, for any browser.

    agent's loop ── LiveView.saw ──► LiveView ◄── LiveServer's threads ── server-sent events ──► browsers
                    (keeps a reference)           (render, at most every 0.2 s, once for all)

The agent's loop does no more than keep what it was told: everything that costs is done by the threads that serve, and
only while somebody watches. A viewer that is slow misses states, never delays one.
"""

from dads.live.server import LiveServer
from dads.live.view import LiveView

__all__ = ["LiveServer", "LiveView"]
