"""The library beside a user's own packages `models`, `protos`, `utils` and `common`: none of them is touched."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOREIGN = ("models", "protos", "utils", "common")
NETWORK = """
import torch


def make():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3)), (torch.zeros(1, 3, 2, 2),)
"""


@pytest.fixture
def foreign(tmp_path):
    """A folder such as a user's repository: packages that say so when they are imported, and a network in one."""
    for name in FOREIGN:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(f"print('imported', {name!r})\n")
    (tmp_path / "models" / "net.py").write_text(NETWORK)
    return tmp_path


def run(foreign, code):
    """Runs code in a process whose path begins with the user's folder."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(foreign), str(ROOT)))}
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, cwd=foreign, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_library_is_imported_and_the_users_packages_are_not_until_they_are_asked_for(foreign):
    ours = "edge_service, cloud_service, partitioner, split_model, split_wire, link_emulator, dads.app"
    done = run(foreign, f"import {ours}; print('ours'); import {', '.join(FOREIGN)}; print(models.__file__)")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == [
        "ours",
        *(word for name in FOREIGN for word in ("imported", name)),
        str(foreign / "models" / "__init__.py"),
    ]


def test_a_factory_in_the_users_models_is_loaded(foreign):
    done = run(foreign, "import split_model; print(split_model.load('models.net:make').name)")
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("models.net:make\n", "imported models\n"), "prints go to stderr"


def test_the_command_works_in_a_folder_with_packages_named_like_ours(foreign):
    for name in ("partitioner", "split_wire", "cloud_service"):
        (foreign / name).mkdir()
        (foreign / name / "__init__.py").write_text("raise RuntimeError('not ours')\n")
    command = [sys.executable, "-m", "dads", "request", "models.net:make"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=foreign, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"] == "models.net:make"
    assert "imported models" in done.stderr


def test_a_network_by_name_is_a_clear_error_while_the_users_models_stand_in_front(foreign):
    program = """
import split_model

for ask in (lambda: split_model.load("zoo:easy_net"), split_model.describe):
    try:
        ask()
    except split_model.ShadowedNetworksError as error:
        print(error)
"""
    done = run(foreign, program)
    assert done.returncode == 0, done.stderr
    errors = done.stdout.splitlines()
    assert len(errors) == 2
    for error in errors:
        assert error.startswith("zoo: and torchvision: specs need this project's package `models`")
        assert str(foreign / "models" / "__init__.py") in error
        assert "PYTHONPATH" in error


def test_a_single_file_of_that_name_is_named(tmp_path):
    (tmp_path / "models.py").touch()
    done = run(tmp_path, "import split_model; split_model.load('zoo:easy_net')")
    assert done.returncode == 1
    assert f"Python finds {tmp_path / 'models.py'} first" in done.stderr


def test_a_folder_of_that_name_which_is_no_package_does_not_matter(tmp_path):
    (tmp_path / "models").mkdir()
    done = run(tmp_path, "import split_model; print(split_model.load('zoo:easy_net').name)")
    assert (done.returncode, done.stdout) == (0, "zoo:easy_net\n"), done.stderr


def test_the_users_own_contract_of_the_same_file_name_is_imported_beside_ours(tmp_path):
    """The descriptor pool of a process is keyed by the path that protoc was given, whatever the package is called."""
    program = """
import split_wire.split_pb2 as ours
from google.protobuf import descriptor_pb2, descriptor_pool

for path in ("split.proto", "protos/split.proto"):
    theirs = descriptor_pb2.FileDescriptorProto(name=path, package="user.v1", syntax="proto3")
    theirs.message_type.add(name="Frame" + str(len(path)))
    descriptor_pool.Default().AddSerializedFile(theirs.SerializeToString())
print(ours.DESCRIPTOR.name)
"""
    done = run(tmp_path, program)
    assert (done.returncode, done.stdout) == (0, "split_wire/split.proto\n"), done.stderr
