import pickle  # noqa: TID251  # writes what must not be read
import zipfile

import pytest

from split_model.file_kinds import MODEL_FILE, kind_of_file


@pytest.fixture
def path(tmp_path):
    return tmp_path / "net"


def test_a_model_file(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("dads.json", "{}")
    assert kind_of_file(path) == MODEL_FILE


def test_the_cure_is_what_the_caller_wants(path):
    path.write_bytes(b"something")
    assert kind_of_file(path, "dads export MODEL") == "of an unknown kind: dads export MODEL writes the right one"


def test_weights_without_notes(path):
    header = b'{"weight":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    assert "weights alone (safetensors)" in kind_of_file(path)
    path.write_bytes(len(header).to_bytes(8, "little") + b"{" * len(header))
    assert "of an unknown kind" in kind_of_file(path)


def test_an_archive_whose_directory_is_damaged(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"PK\1\2", b"PK\1\3"))
    assert kind_of_file(path) == "a zip archive that is damaged: copy or download it again"


@pytest.mark.parametrize("opcode", [b"\x8e", b"\x96", b"\x8d"])  # BINBYTES8, BYTEARRAY8, BINUNICODE8
def test_a_pickle_that_claims_gigabytes(path, opcode):
    path.write_bytes(b"\x80\x05" + opcode + (1 << 40).to_bytes(8, "little"))
    assert kind_of_file(path).startswith("a pickle without tensors")


def test_names_are_read_from_pickles_of_every_protocol(path):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        if protocol < 2:  # these have no sign at their beginning
            continue
        path.write_bytes(pickle.dumps(zipfile.ZipFile, protocol))
        assert "a checkpoint that holds zipfile.ZipFile too" in kind_of_file(path)
