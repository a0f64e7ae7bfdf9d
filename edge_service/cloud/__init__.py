"""One cloud, as the agent uses it: the seam, gRPC behind it, and the connection.

* `seam`: the interface `Cloud` and its values; `client`, `tails`: the same by gRPC, calls and
  streams; `statuses`: the cloud's errors as ours;
* `link`: opens and closes the connection, and sends frames on it; `measuring`: pings and probes;
* `connection`: the two streams of one connection; `replacement`: another one in its place;
* `packet_session`: which packets of a source go with a frame;
* `exchange`: from the model's values to messages, and back.
"""
