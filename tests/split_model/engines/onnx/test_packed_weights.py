import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from split_model.engines.engine import PartSpec
from split_model.engines.onnx.building import Builder
from split_model.engines.onnx.fusing import fused
from split_model.engines.onnx.packed_weights import PackedWeights
from split_model.errors import ModelError


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "packed"


def _build(tiny, folder, *specs):
    builder = Builder(tiny, PackedWeights(folder), 1)
    return [builder.lasting(spec) for spec in specs]


def _weights(folder):
    return {path.name: path.stat().st_size for path in folder.glob("*.bin")}


def test_parts_that_read_the_same_weight_share_one_file(tiny, folder):
    whole = tiny.whole
    tail = PartSpec(("branch",), (), ("scores",))
    _build(tiny, folder, whole)
    before = _weights(folder)
    assert sum(before.values()) >= 64 * 16 * 9 * 4
    _build(tiny, folder, tail)
    assert _weights(folder) == before
    assert len(list(folder.glob("*.part"))) == 2


def test_a_later_process_finds_the_part_and_fuses_nothing(tiny, folder, monkeypatch):
    (first,) = _build(tiny, folder, tiny.whole)
    monkeypatch.setattr("split_model.engines.onnx.building.fused", None)
    (second,) = _build(tiny, folder, tiny.whole)
    assert np.array_equal(first.run(tiny.feeds).outputs["scores"], second.run(tiny.feeds).outputs["scores"])


@pytest.mark.parametrize("pattern", ["*.bin", "*.part"])
@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: bytes(len(data)), lambda _: b""])
def test_a_damaged_file_is_noticed_and_made_again(tiny, folder, pattern, damage):
    (first,) = _build(tiny, folder, tiny.whole)
    for path in folder.glob(pattern):
        data = path.read_bytes()
        path.unlink()  # what is mapped stays as it was
        path.write_bytes(damage(data))
    (second,) = _build(tiny, folder, tiny.whole)
    assert np.array_equal(first.run(tiny.feeds).outputs["scores"], second.run(tiny.feeds).outputs["scores"])


def test_a_missing_weight_is_made_again(tiny, folder):
    _build(tiny, folder, tiny.whole)
    before = _weights(folder)
    next(folder.glob("*.bin")).unlink()
    _build(tiny, folder, tiny.whole)
    assert _weights(folder) == before


def test_a_session_that_is_made_during_a_close_runs_and_leaves_no_folder(tiny):
    class Closing(PackedWeights):
        def put(self, *arguments):
            super().put(*arguments)
            self.close()

    packed = Closing(None)
    place = packed.folder
    builder = Builder(tiny, packed, 1)
    during, after = builder.lasting(tiny.whole), builder.lasting(tiny.whole)
    assert not place.exists()
    assert np.array_equal(during.run(tiny.feeds).outputs["scores"], after.run(tiny.feeds).outputs["scores"])


def test_sessions_run_on_when_the_folder_is_removed(tiny, folder):
    (session,) = _build(tiny, folder, tiny.whole)
    expected = session.run(tiny.feeds).outputs["scores"]
    shutil.rmtree(folder)
    assert np.array_equal(session.run(tiny.feeds).outputs["scores"], expected)


def test_a_temporary_folder_is_removed_at_the_end_and_another_is_not(tiny, folder):
    temporary, kept = PackedWeights(None), PackedWeights(folder)
    places = [Path(weights.folder) for weights in (temporary, kept)]
    for weights in (temporary, kept):
        weights.close()
    assert [place.exists() for place in places] == [False, True]


def test_a_temporary_folder_goes_with_a_process_whose_thread_still_uses_it():
    code = (
        "import threading, weakref\n"
        "from split_model.engines.onnx.packed_weights import PackedWeights\n"
        "class Engine: pass\n"
        "engine, weights, begun = Engine(), PackedWeights(None), threading.Event()\n"
        "weakref.finalize(engine, weights.close)\n"
        "def build():\n"
        "    with weights.in_use():\n"
        "        print(weights.folder, flush=True)\n"
        "        begun.set()\n"
        "        threading.Event().wait()\n"
        "threading.Thread(target=build, daemon=True).start()\n"
        "begun.wait()\n"
        "assert weights.folder.is_dir()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not Path(ended.stdout.strip()).exists()
    assert ended.stderr == ""


def test_nothing_half_written_is_left(tiny, folder):
    _build(tiny, folder, tiny.whole)
    assert {path.suffix for path in folder.iterdir()} == {".bin", ".part"}


def test_a_reference_to_another_file_is_refused(tiny, folder, tmp_path):
    extracted = Builder(tiny, PackedWeights(folder), 1).extracted(tiny.whole)
    part, source = fused(extracted, extracted.model.SerializeToString(), tiny.path.parent, 1, tmp_path)
    with pytest.raises(ModelError, match=r"is in 'part\.bin'; expected 'other\.bin'"):
        PackedWeights(folder).put("key", part, source.rename(tmp_path / "other.bin"))


def test_parts_used_last_are_kept(tiny, folder):
    builder = Builder(tiny, PackedWeights(folder, most_parts=2), 1)
    used, *others = (PartSpec(("picture",), (name,)) for name in ("relu", "wide", "sum", "pooled"))
    kept = set()
    for number, spec in enumerate([used, *others]):
        builder.lasting(spec)
        (new,) = set(folder.glob("*.part")) - kept
        kept = set(folder.glob("*.part"))
        if not number:
            first = new
        builder.lasting(used)
        assert first.exists()
    assert len(kept) == 2


def test_weights_without_room_stay_with_their_session(tiny, folder):
    builder = Builder(tiny, PackedWeights(folder, most_bytes=1000), 1)
    session = builder.lasting(tiny.whole)
    assert session.own_bytes > 64 * 16 * 9 * 4
    assert not _weights(folder)
    assert session.run(tiny.feeds).outputs["scores"].shape == (1, 16)


def test_what_a_killed_process_left_half_written_is_removed(tiny, folder):
    left, new = (folder / name for name in (".fusing-killed", ".fusing-at-work"))
    for place in (left, new):
        place.mkdir(parents=True)
        (place / "part.bin").touch()
    os.utime(left, (0, 0))
    _build(tiny, folder, tiny.whole)
    assert not left.exists()
    assert new.exists()
