import math

import networkx as nx
from hypothesis import given, settings
from hypothesis import strategies as st

from partitioner.reference import FlowNetwork

CAPACITIES = st.one_of(st.sampled_from([0.0, 1.0, 1e-6, 1e6]), st.floats(1e-9, 1e3))


@given(
    st.integers(2, 8).flatmap(
        lambda count: st.tuples(
            st.just(count),
            st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1), CAPACITIES), max_size=25),
        )
    )
)
@settings(max_examples=300, deadline=None)
def test_value_and_cut_are_those_of_another_solver(drawn):
    count, arcs = drawn
    network, other = FlowNetwork(count), nx.DiGraph()
    other.add_nodes_from(range(count))
    for tail, head, capacity in arcs:
        network.add_arc(tail, head, capacity)
        if tail != head:
            room = other.get_edge_data(tail, head, {"capacity": 0.0})["capacity"]
            other.add_edge(tail, head, capacity=room + capacity)
    value = network.push_maximum(0, count - 1)
    assert math.isclose(value, nx.maximum_flow_value(other, 0, count - 1), rel_tol=1e-9, abs_tol=1e-12)
    side = network.reachable(0)
    assert 0 in side
    assert count - 1 not in side
    # The cut proves the flow: both are worth the same.
    across = math.fsum(capacity for tail, head, capacity in arcs if tail in side and head not in side)
    assert math.isclose(value, across, rel_tol=1e-9, abs_tol=1e-12)


def test_a_long_path_needs_no_recursion():
    count = 20_000
    network = FlowNetwork(count)
    for vertex in range(count - 1):
        network.add_arc(vertex, vertex + 1, math.inf if vertex else 2.0)
    assert network.push_maximum(0, count - 1) == 2.0
