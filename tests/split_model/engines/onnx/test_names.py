from split_model.engines.onnx.names import output_name, tensor_names


def test_a_tensor_has_its_layers_name_and_tensors_of_a_tuple_are_numbered():
    assert tensor_names("conv", 1) == ("conv",)
    assert tensor_names("split", 3) == ("split#0", "split#1", "split#2")


def test_an_output_is_called_by_its_path():
    assert output_name("parts.0") == "output:parts.0"
