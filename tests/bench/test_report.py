import pytest

from bench.meter import Row
from bench.report import DOCUMENTS, ROOT, contents, costs, filled
from bench.results import PeerRun, Results, load

SAVED = ROOT / "docs" / "bench.json"

RESULTS = Results(
    "Python 3.11, 2 cores",
    15,
    [
        Row("bare await", 0.1, includes="the function itself"),
        Row("everything", 8.5, 7.0, includes="all layers", count_expected=40, count_seen=40),
        Row("recorded", 12.0, limit_of_span=0.75, process_us=14.25, records_seen=1_234),
        Row("import agentguard", 41_000.0, 80_000.0),
    ],
    [
        PeerRun("opentelemetry-sdk", "1.45", 0.2, [Row("one span, async", 20.0, process_us=21.0)], note="it records"),
        PeerRun("nobody", failure="it is gone"),
    ],
)


def test_costs_show_each_row_with_its_ratios_and_budget():
    lines = costs(RESULTS).splitlines()
    assert "| everything | 8.50 us |  | 85 | 0.42 | 7 us: not reached yet |" in lines
    assert "| recorded | 12.0 us | 14.2 us | 120 | 0.60 | 0.75 spans |" in lines
    assert "| import agentguard | 41 ms |  |  |  | 80 ms |" in lines
    assert "| opentelemetry-sdk: one span, async | 20.0 us | 21.0 us | 100 | 1.00 |" in lines


def test_a_peer_without_figures_keeps_its_row():
    assert "| nobody: not measured, it is gone | | | | |" in costs(RESULTS).splitlines()
    assert "Not measured: it is gone." in contents(RESULTS).splitlines()


def test_contents_show_what_was_counted_and_what_to_know():
    lines = contents(RESULTS).splitlines()
    assert "| everything | all layers | 40 |  |" in lines
    assert "| recorded |  |  | 1,234 |" in lines
    assert "It records." in lines


def test_figures_survive_being_saved(tmp_path):
    RESULTS.save(tmp_path / "bench.json")
    assert load(tmp_path / "bench.json") == RESULTS


def test_a_document_has_one_place_for_figures():
    assert filled("a\n<!-- bench -->\nold\n<!-- /bench -->\nb", "new\n") == "a\n<!-- bench -->\nnew\n<!-- /bench -->\nb"
    with pytest.raises(ValueError, match="0 places"):
        filled("nothing here", "new\n")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_show_the_saved_figures_and_no_others(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    assert filled(text, DOCUMENTS[document](load(SAVED))) == text, "run `make bench-report`"
