import pytest

from bench.publishing.publish import publish


@pytest.fixture
def published(tmp_path):
    """Writes a report's whole page with its plots; returns its figures by what they are of, and the body."""

    def write(module, data):
        publish("page", data, module.report, tmp_path)
        made = module.report(data)
        assert all((tmp_path / f"page-{plot.suffix}.svg").exists() for plot in made.plots)
        return {figure.what: figure for figure in made.figures}, "\n".join(made.body)

    return write
