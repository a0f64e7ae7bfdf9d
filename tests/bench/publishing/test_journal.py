import json

from bench.publishing.journal import Journal

CELL = {"model": "alexnet", "uplink_bps": 1e6}


def test_what_is_finished_is_not_measured_again(tmp_path):
    path = tmp_path / "a" / "cells.jsonl"
    Journal(path).put(CELL, {"latency_s": 0.1})
    again = Journal(path)
    assert again.get(CELL) == {"latency_s": 0.1}
    assert again.get({"uplink_bps": 1e6, "model": "alexnet"}) == {"latency_s": 0.1}
    assert again.get({**CELL, "uplink_bps": 2e6}) is None


def test_fresh_forgets(tmp_path):
    path = tmp_path / "cells.jsonl"
    Journal(path).put(CELL, 1)
    assert Journal(path, fresh=True).get(CELL) is None
    assert Journal(path).get(CELL) is None


def test_a_line_cut_off_costs_its_own_cell_only(tmp_path):
    path = tmp_path / "cells.jsonl"
    journal = Journal(path)
    journal.put(CELL, 1)
    journal.put({"model": "b"}, 2)
    path.write_text(path.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    again = Journal(path)
    assert (again.get(CELL), again.get({"model": "b"})) == (1, None)
    again.put({"model": "b"}, 3)
    assert Journal(path).get({"model": "b"}) == 3


def test_cells_of_another_machine_do_not_count(tmp_path):
    path = tmp_path / "cells.jsonl"
    Journal(path).put(CELL, 1)
    entry = json.loads(path.read_text(encoding="utf-8"))
    entry["setup"]["processor"] = "another"
    path.write_text(json.dumps(entry) + "\n", encoding="utf-8")
    assert Journal(path).get(CELL) is None


def test_without_a_file_cells_are_kept_in_memory():
    journal = Journal(None)
    journal.put(CELL, 1)
    assert journal.get(CELL) == 1
