from agentguard.tracing.timeline import timeline_of
from agentguard.tracing.tree import part_inside, with_enclosing
from tests.tracing.spans import span


def test_a_span_has_its_place_between_the_first_start_and_the_last_end():
    spans = [span(started_at=100, duration=10), span(started_at=102, duration=3)]
    timeline = timeline_of(spans)
    assert (timeline.began, timeline.seconds) == (100, 10)
    assert timeline.place(spans[0]) == (0.0, 1.0)
    assert timeline.place(spans[1]) == (0.2, 0.5)


def test_one_sees_in_each_part_of_the_time_how_many_ran_at_once():
    timeline = timeline_of(
        [span(started_at=0, duration=10), span(started_at=2, duration=2), span(started_at=3, duration=5)]
    )
    assert timeline.at_once(10) == [1, 1, 2, 3, 3, 2, 2, 2, 2, 1]
    assert timeline.peak == 3


def test_a_time_without_length_has_places_too():
    spans = [span(duration=0), span(duration=0)]
    timeline = timeline_of(spans)
    assert timeline.place(spans[0]) == (0.0, 1.0)
    assert len(timeline.at_once(5)) == 5
    assert timeline_of([]).peak == 0


def family():
    return [
        span("outer", span_id="o", started_at=0),
        span("inner", span_id="i", parent_id="o", started_at=1),
        span("innermost", span_id="m", parent_id="i", started_at=2),
        span("other", span_id="x", started_at=3),
    ]


def test_a_filtered_tree_keeps_what_is_around_a_match():
    kept = with_enclosing(family(), lambda each: each.name == "inner")
    assert [each.name for each in kept] == ["outer", "inner"]


def test_a_part_of_a_tree_is_a_call_and_what_is_inside_it():
    assert [each.name for each in part_inside(family(), "i")] == ["inner", "innermost"]
    assert part_inside(family(), "nobody") == []


def test_spans_inside_each_other_in_a_circle_end_the_search():
    circle = [span("a", span_id="a", parent_id="b"), span("b", span_id="b", parent_id="a")]
    assert len(with_enclosing(circle, lambda each: True)) == 2
    assert len(part_inside(circle, "a")) >= 1
