"""The one Jinja2 environment: every generated text file comes out of :func:`render`."""

from __future__ import annotations

import functools
import math

import jinja2

from edgebuild import resources
from edgebuild.codegen import filters


@functools.cache
def environment() -> jinja2.Environment:
    """The environment over ``templates/``: a name that the context lacks is an error, not an empty string.

    A template looks like its output, so a line that holds only a block leaves no blank line behind,
    and the newline at the end of a file stays.
    """
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.folder("templates")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - C, linker scripts and make fragments are not HTML
    )
    made.filters.update(literal=filters.literal, comment=filters.comment, product=math.prod)
    made.filters.update(c_string=filters.c_string, bits=filters.bits)
    return made


def render(template: str, **context: object) -> str:
    """The text of ``template`` (a path below ``templates/``, ``harness/main.c.j2``) for ``context``.

    Raises:
        jinja2.UndefinedError: the context lacks a name that the template uses.
        jinja2.TemplateNotFound: no such template ships with edgebuild.
    """
    return environment().get_template(template).render(context)
