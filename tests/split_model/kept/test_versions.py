from split_model.kept import versions


def test_other_packages_or_code_make_another_name(monkeypatch, tmp_path):
    found = {versions.made_by.__wrapped__()}
    monkeypatch.setattr(versions, "_version", lambda package: "2.0" if package == "onnxruntime" else "1.0")
    found.add(versions.made_by.__wrapped__())
    home = tmp_path / "split_model" / "kept" / "versions.py"
    (tmp_path / "models").mkdir(parents=True)
    monkeypatch.setattr(versions, "__file__", str(home))
    for code in ("x = 1", "x = 2"):
        (tmp_path / "models" / "net.py").write_text(code)
        found.add(versions.made_by.__wrapped__())
    assert len(found) == 4


def test_a_key_tells_its_parts_apart():
    assert versions.key_of("ab", "c") != versions.key_of("a", "bc")
    assert versions.processor() == versions.processor.__wrapped__()
