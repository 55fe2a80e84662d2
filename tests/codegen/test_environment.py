"""One environment for every template: strict about names, faithful about blank lines."""

from __future__ import annotations

import jinja2
import pytest

from edgebuild.codegen.environment import environment, render


def test_a_missing_name_is_an_error():
    with pytest.raises(jinja2.UndefinedError, match="absent"):
        environment().from_string("{{ absent }}").render()


def test_a_missing_template_is_an_error():
    with pytest.raises(jinja2.TemplateNotFound):
        render("no/such/template.j2")


def test_blocks_leave_no_lines_behind():
    text = "a\n    {% if yes %}\n    b\n    {% endif %}\nc\n"
    assert environment().from_string(text).render(yes=True) == "a\n    b\nc\n"
