"""The agent's output about frames and runs.

`results` has a record for each frame, with `boxes` where the model finds some; `report` has a summary of a run, and
`verify` compares results with the whole model. `saved_outputs` writes arrays, `drawn_pictures` writes pictures, which
`annotation` draws; `background` is the thread that such work runs in.
`metrics` is for Prometheus, `tracing` for OpenTelemetry.
"""
