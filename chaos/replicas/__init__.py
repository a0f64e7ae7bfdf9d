"""Edges whose replicas are killed one after the other: no frame is lost, and a cloud answers while one is up.

| module | one idea |
|---|---|
| `stand` | replicas that start from a model file, at addresses that stay; when each was up |
| `proxy` | Envoy in front of them, as `deploy/envoy/tcp.yaml` says |
| `shares` | of the frames sent while a replica was up: how many a cloud answered, and how soon |
| `__main__` | `make replicas`: the edges, the killing, the verdict |
"""
