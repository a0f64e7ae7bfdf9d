"""Packets of a compressed source in place of frames: decoded here, in processes of their own.

| module | one idea |
|---|---|
| `numbering` | which packets continue a session |
| `process` | one decoder process: started, asked, ended |
| `decoders` | all of them: how many, one ready in advance, none left behind |
| `session` | the session of one stream: packets in order of arrival to frames |
| `frames` | a request with packets becomes one with the frame they show |
"""
