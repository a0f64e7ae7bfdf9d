"""The codec under atheris, a coverage-guided fuzzer; run by `chaos.fuzz`, with libFuzzer's arguments."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["split_wire", "chaos.fuzz_codec"]):
    from chaos.fuzz_codec import read_all


def main() -> None:
    atheris.Setup(sys.argv, read_all)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
