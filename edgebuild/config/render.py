"""The schema as a JSON Schema, as a commented starter file and as a page of the documentation."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from edgebuild.config.key import Key
from edgebuild.config.schema import FILE_NAME, KEYS, SECTIONS


def json_schema(techniques: Mapping[str, dict[str, Any]] | None = None) -> dict[str, Any]:
    """JSON Schema (draft 7, which editors' TOML plugins read) of ``edgebuild.toml``.

    Args:
        techniques: schema of the settings of each compression technique, which this module does not know.
    """
    own = _table(KEYS)
    per_target = _table(tuple(key for key in KEYS if key.per_target))
    own["properties"]["target"] = {
        "type": "object",
        "description": "[target.NAME]: what differs for one target.",
        "additionalProperties": per_target,
    }
    for table in (own, per_target):
        step = table["properties"]["compress"]["properties"]["steps"]["items"]
        step["properties"] |= techniques or {}
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": FILE_NAME, **own}


def _table(keys: tuple[Key, ...]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for section, doc in SECTIONS.items():
        inside = {key.path[-1]: _property(key) for key in keys if _section(key) == section}
        if not section:
            properties |= inside
        elif inside:
            properties[section] = {
                "type": "object",
                "description": doc,
                "properties": inside,
                "additionalProperties": False,
            }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _property(key: Key) -> dict[str, Any]:
    return {"description": f"{key.doc} Default: {key.default_words}.", **key.kind.schema()}


def _section(key: Key) -> str:
    return ".".join(key.path[:-1])


def starter(values: Mapping[str, str]) -> str:
    """The file that ``edgebuild init`` writes: every key with a comment, most of them switched off.

    Args:
        values: TOML text of the keys that are switched on, by dotted key.
    """
    lines = [
        "# What edgebuild builds here; run `edgebuild` beside this file.",
        "# A line that starts with '# name = ' shows a key that is not set, with an example.",
        "",
    ]
    for section, doc in SECTIONS.items():
        lines += [f"[{section}]", *_comment(doc)] if section else []
        for key in (key for key in KEYS if _section(key) == section):
            lines += ["", *_comment(f"{key.doc} Default: {key.default_words}.")]
            shown = values.get(key.dotted)
            name = key.path[-1]
            lines.append(f"# {name} = {key.example}" if shown is None else f"{name} = {shown}")
        lines += [""]
    lines += [
        *_comment("What differs for one target: the keys of packages, model, compress, proof, budget, gates."),
        "# [target.nucleo-l4r5zi.budget]",
        '# flash = "128K"',
    ]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 98, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def markdown() -> str:
    """``docs/configuration.md``."""
    return "\n".join(_markdown()) + "\n"


def _markdown() -> Iterator[str]:
    yield f"# `{FILE_NAME}`"
    yield ""
    yield "<!-- Written by `make docs` from edgebuild/config/schema.py and model_keys.py; edit those. -->"
    yield ""
    yield "`edgebuild init` writes this file with comments. `edgebuild schema` prints its JSON Schema, with"
    yield "which editors complete and check it. Relative paths start at the file's folder, those of options at"
    yield "the current one. Options win over the file. An unknown key or a wrong value is exit code 2, with the"
    yield "line and what was probably meant."
    for section, doc in SECTIONS.items():
        yield ""
        yield f"## `[{section}]`" if section else "## Top of the file"
        yield ""
        yield doc
        yield ""
        yield "| key | value | default | option | per target | |"
        yield "|---|---|---|---|---|---|"
        for key in (key for key in KEYS if _section(key) == section):
            option = f"`{key.option}`" if key.option else ""
            per_target = "yes" if key.per_target else ""
            words = key.kind.words.replace("|", "\\|")
            cells = (f"`{key.path[-1]}`", words, key.default_words, option, per_target, key.doc)
            yield f"| {' | '.join(cells)} |"
    yield ""
    yield "## `[target.NAME]`"
    yield ""
    yield "What differs for one target: every key marked *per target*, below that name. A list replaces the"
    yield "general list; the other keys of a section keep their general values."
    yield ""
    yield "```toml"
    yield 'targets = ["cortex-m4", "nucleo-l4r5zi"]'
    yield ""
    yield "[budget]"
    yield 'flash = "256K"'
    yield ""
    yield "[target.nucleo-l4r5zi.budget]"
    yield 'flash = "128K"'
    yield "```"
