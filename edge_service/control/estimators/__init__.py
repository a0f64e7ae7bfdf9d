"""Estimators of what a decision needs: the network, the machines and the frames.

* `path`: the path to the cloud, of
  * `uplink`: its rate, from samples that `upload_clock` times and `uplink_samples` judges,
  * the rate of the way down, with the same statistics, from samples that `download_clock` times,
  * `round_trip`: its round trip, and
  * `slow_start`: the window of its connection;
* `load`: how much slower edge and cloud are than their profiles; `overhead`: what a call costs besides;
* `encoding_costs`: sizes and times of encodings; `arrival_rate`: frames per second.
"""
