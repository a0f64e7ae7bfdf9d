import pytest

from edge_service.sources.errors import SourceFailedError
from edge_service.sources.files import VideoFile
from edge_service.sources.source_report import SourceReport


@pytest.mark.parametrize("as_packets", [False, True])
@pytest.mark.parametrize(
    ("spoilt", "fails"), [(range(10, 20), True), ([7], False), ([15], False), ([19], False), ([], False)]
)
def test_a_file_that_cannot_be_decoded_to_its_end_fails_whether_or_not_it_is_decoded(
    write_clip, spoil, tmp_path, as_packets, spoilt, fails
):
    path = spoil(write_clip(tmp_path / "clip.mp4", codec="libx264"), spoilt)
    shots = VideoFile(path, SourceReport(str(path)), as_packets).play()
    taken = [next(shots) for _ in range(20)]
    if fails:
        with pytest.raises(SourceFailedError, match="pictures cannot be decoded"):
            next(shots)
    else:
        assert next(shots, None) is None
    assert [shot.at_s for shot in taken] == pytest.approx([number / 10 for number in range(20)])
