from tests.arch import api


def test_the_public_surface_is_the_reviewed_one():
    assert api.render() == api.FILE.read_text(encoding="utf-8"), "if users may see this change, run `make api`"
