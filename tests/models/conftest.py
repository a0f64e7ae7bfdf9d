import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "slow" not in config.option.markexpr:
        skip = pytest.mark.skip(reason="takes minutes; run with -m slow")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(skip)
