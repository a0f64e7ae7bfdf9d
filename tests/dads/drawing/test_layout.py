import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dads.drawing.layout import layered


@st.composite
def drawings(draw):
    count = draw(st.integers(1, 12))
    widths = draw(st.lists(st.floats(20, 300), min_size=count, max_size=count))
    pairs = list(itertools.combinations(range(count), 2))
    return widths, sorted(draw(st.sets(st.sampled_from(pairs), max_size=20))) if pairs else []


@given(drawings())
def test_boxes_stand_apart_inside_the_drawing_and_arrows_point_down(drawing):
    widths, arrows = drawing
    layout = layered(widths, arrows, box_height=40, gap_x=20, gap_y=30)
    boxes = list(zip(layout.centres, widths, strict=True))
    for centre, width in boxes:
        assert centre.x - width / 2 >= -1e-6
        assert centre.x + width / 2 <= layout.width + 1e-6
        assert 20 <= centre.y <= layout.height - 20
    for (one, one_width), (other, other_width) in itertools.combinations(boxes, 2):
        if one.y == other.y:
            assert abs(one.x - other.x) >= (one_width + other_width) / 2 + 20 - 1e-6
    for (source, target), route in zip(arrows, layout.routes, strict=True):
        assert (route[0].x, route[0].y) == (layout.centres[source].x, layout.centres[source].y + 20)
        assert (route[-1].x, route[-1].y) == (layout.centres[target].x, layout.centres[target].y - 20)
        assert all(upper.y < lower.y for upper, lower in itertools.pairwise(route))


@given(drawings())
def test_no_arrow_runs_through_a_box(drawing):
    widths, arrows = drawing
    layout = layered(widths, arrows, box_height=40, gap_x=20, gap_y=30)
    for route in layout.routes:
        for one, other in itertools.pairwise(route[1:-1]):
            if one.x == other.x:  # along a row that it passes
                for centre, width in zip(layout.centres, widths, strict=True):
                    assert not (one.y < centre.y < other.y and abs(centre.x - one.x) < width / 2)


def test_a_chain_is_a_straight_line():
    layout = layered([50, 200, 80], [(0, 1), (1, 2)], box_height=40)
    assert len({round(centre.x, 6) for centre in layout.centres}) == 1


def test_a_join_stands_in_the_middle_below_its_branches():
    layout = layered([50, 50, 50, 50], [(0, 1), (0, 2), (1, 3), (2, 3)], box_height=40)
    fork, left, right, join = layout.centres
    assert fork.x == pytest.approx((left.x + right.x) / 2) == pytest.approx(join.x)


def test_crossings_that_need_not_be_are_sorted_away():
    layout = layered([50] * 6, [(0, 5), (1, 4), (2, 3)], box_height=40)
    upper = [layout.centres[v].x for v in (0, 1, 2)]
    lower = [layout.centres[v].x for v in (5, 4, 3)]
    assert (upper == sorted(upper)) == (lower == sorted(lower))


def test_a_label_gets_room_below_its_arrows_source():
    arrows = [(0, 1), (1, 2), (2, 3)]
    layout = layered([50] * 4, arrows, box_height=40, gap_y=10, labelled=[1], label_gap_y=30)
    ys = [centre.y for centre in layout.centres]
    assert [lower - upper for upper, lower in itertools.pairwise(ys)] == [50, 70, 50]
    assert layout.height == ys[-1] + 20
