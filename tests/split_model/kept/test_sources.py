from split_model.kept.sources import key_of_source


def test_another_name_weight_or_content_is_another_key(tmp_path):
    weights = tmp_path / "w.safetensors"
    keys = set()
    for content in (b"one", b"two"):
        weights.write_bytes(content)
        keys.add(key_of_source("zoo", "easy_net", weights))
        keys.add(key_of_source("file", str(weights), None))
    keys |= {key_of_source("zoo", "easy_net", None), key_of_source("zoo", "easy_net", "DEFAULT")}
    keys |= {key_of_source("zoo", "nin", None)}
    assert len(keys) == 7
    assert None not in keys
    copy = tmp_path / "copy"
    copy.write_bytes(b"two")
    assert key_of_source("file", str(copy), None) in keys


def test_code_and_what_cannot_be_read_have_no_key(tmp_path):
    assert key_of_source("package.module", "factory", None) is None
    assert key_of_source("file", str(tmp_path / "missing.pt2"), None) is None
    assert key_of_source("zoo", "easy_net", tmp_path / "missing.safetensors") is None
