import json

import split_model


def test_every_kind_is_listed_for_people(dads):
    result = dads("models")
    assert result.exit_code == 0
    assert "zoo:easy_net" in result.stdout
    assert "torchvision:googlenet" in result.stdout
    longest = [line for line in result.stdout.splitlines() if line.startswith("torchvision:fasterrcnn_mobilenet")]
    assert longest[0].startswith("torchvision:fasterrcnn_mobilenet_v3_large_320_fpn "), "names are whole, to be copied"


def test_the_same_as_json(dads):
    entries = json.loads(dads("models", "--json").stdout)
    assert {"zoo:easy_net", "torchvision:alexnet"} <= {entry["spec"] for entry in entries}


def test_without_torch_it_says_what_runs_here(dads, monkeypatch):
    def describe():
        raise split_model.MissingExtraError("this model needs torch, which is not installed")

    monkeypatch.setattr(split_model, "describe", describe)
    result = dads("models")
    assert result.exit_code == 1
    assert "pip install 'dads[torch]'" in result.stderr
    assert "--model file:MODEL.dads" in result.stderr
    assert "this model" not in result.stderr, "no model was asked for"
