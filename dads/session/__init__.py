"""The session of `dads edge`: one or more runs over the same frames.

* `settings`: options and environment as the agent's settings;
* `session`: the runs, with results, report, metrics, live page and verification;
* `finished_frames`: what becomes of a frame that is done;
* `frame_table`: a row on the terminal for each frame.
"""
