"""Write one of the two Envoy configurations beside this file with other addresses, or with TLS.

    python deploy/envoy/configure.py tcp --replica 10.0.0.1:50051 --replica 10.0.0.2:50051 > envoy.yaml

The files are used as they are where `replicas` is a name with an address for each replica. `--tls FOLDER` names a
folder with `ca.pem`, for http also with the proxy's own `proxy.pem` and `proxy.key`; with `--client-certificates`
replicas ask for certificates, and Envoy shows its own. Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
_ENDPOINT = re.compile(r"^( *- endpoint: ).*\n", re.MULTILINE)
_LISTEN = re.compile(r"address: 0\.0\.0\.0, port_value: \d+")
_ADMIN = re.compile(r"(address: 127\.0\.0\.1, port_value: )\d+")


def address(text: str) -> tuple[str, int]:
    """`HOST:PORT`, or `[HOST]:PORT` for IPv6, as its two parts.

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and re.fullmatch(r"[\w.:-]+", host) and port.isdecimal() and int(port) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no address; write HOST:PORT, such as 10.0.0.1:50051")
    return host, int(port)


def configuration(
    kind: str,
    *,
    replicas: list[tuple[str, int]] | None = None,
    listen: tuple[str, int] | None = None,
    admin_port: int | None = None,
    tls: Path | None = None,
    client_certificates: bool = False,
    server_name: str = "replicas",
) -> str:
    """The text of `tcp.yaml` or `http.yaml` with what is given in place of what the file has."""
    text = (HERE / f"{kind}.yaml").read_text(encoding="utf-8")
    if replicas:
        text = _ENDPOINT.sub(lambda found: "".join(f"{found[1]}{_endpoint(*one)}\n" for one in replicas), text)
    if listen:
        text = _LISTEN.sub(f"address: {json.dumps(listen[0])}, port_value: {listen[1]}", text)
    if admin_port is not None:
        text = _ADMIN.sub(rf"\g<1>{admin_port}", text)
    if tls:
        text = re.sub(r"#m?tls: " if client_certificates else r"#tls: ", "", text)
        text = text.replace("/etc/envoy/tls/", f"{tls}/").replace("sni: replicas", f"sni: {json.dumps(server_name)}")
    return text


def _endpoint(host: str, port: int) -> str:
    return f"{{address: {{socket_address: {{address: {json.dumps(host)}, port_value: {port}}}}}}}"


def main() -> None:
    """Write the configuration that the command line describes to stdout."""
    parser = argparse.ArgumentParser(description="Envoy's configuration for these replicas, to stdout.")
    parser.add_argument("kind", choices=("tcp", "http"), help="tcp: for edges; http: for callers of RunTail")
    parser.add_argument("--replica", type=address, action="append", metavar="HOST:PORT", help="may be repeated")
    parser.add_argument("--listen", type=address, metavar="HOST:PORT")
    parser.add_argument("--admin-port", type=int, metavar="PORT", help="of the administration page, on loopback")
    parser.add_argument("--tls", type=Path, metavar="FOLDER", help="with ca.pem, proxy.pem and proxy.key")
    parser.add_argument("--client-certificates", action="store_true", help="replicas ask for certificates")
    parser.add_argument("--server-name", default="replicas", metavar="NAME", help="in the replicas' certificates")
    given = parser.parse_args()
    if given.client_certificates and given.tls is None:
        parser.error("--client-certificates needs --tls FOLDER, where Envoy's own certificate is")
    sys.stdout.write(
        configuration(
            given.kind,
            replicas=given.replica,
            listen=given.listen,
            admin_port=given.admin_port,
            tls=given.tls,
            client_certificates=given.client_certificates,
            server_name=given.server_name,
        )
    )


if __name__ == "__main__":
    main()
