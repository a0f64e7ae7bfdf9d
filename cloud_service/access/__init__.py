"""Access control of the server.

In reading order: `gate` checks every call before its method runs. It uses `tokens`, the accepted bearer tokens, and
`clients`, the callers' names and the limits on their open calls. `certificates` is TLS; `files` notices replaced files,
for tokens and certificates. `settings` makes tokens and certificates from the configuration.
"""
