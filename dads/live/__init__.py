"""The live page of an edge: a drawing of the split in use, its times, and the last results, for any browser.

    agent's loop ── LiveView.saw ──► LiveView ◄── LiveServer's threads ── server-sent events ──► browsers
                    (keeps a reference)           (render, at most every 0.2 s, once for all)

The agent only leaves a reference to each frame. The server's threads do the rest, and only while a viewer is
connected. A slow viewer misses states, and does not delay them.

* `view`: the state that the page shows; `document`: the same as JSON, in words and numbers, with a drawing;
* `events`: the stream of states; `thumbnail`: the last frame, small;
* `server`: HTTP, with its limits; `page/`: HTML, style and script.
"""

from dads.live.server import LiveServer
from dads.live.view import LiveView

__all__ = ["LiveServer", "LiveView"]
