"""A GStreamer server that passes on an RTSP stream; run by the system's Python, which has GStreamer's bindings.

    /usr/bin/python3 -m chaos.camera_runs.gstreamer_server RTSP-ADDRESS HOST PORT

Debian: gir1.2-gst-rtsp-server-1.0 gstreamer1.0-rtsp gstreamer1.0-plugins-good gstreamer1.0-plugins-bad python3-gi.
"""

import sys


def main() -> None:
    """Serve until killed; prints a line when it does."""
    import gi  # type: ignore[import-not-found] # noqa: PLC0415 # only the system's Python has it

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer  # type: ignore[import-not-found] # noqa: PLC0415

    source, host, port = sys.argv[1:]
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(host)
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( rtspsrc location={source} protocols=tcp latency=0 ! rtph264depay ! h264parse config-interval=-1"
        " ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
    )
    factory.set_shared(True)
    server.get_mount_points().add_factory("/stream", factory)
    if server.attach(None) == 0:
        sys.exit(f"GStreamer's server cannot listen on {host}:{port}; expected a free port")
    print("serving", flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
