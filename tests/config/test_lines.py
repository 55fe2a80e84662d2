"""The line of every key, in every way that TOML can write one."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebuild.config.lines import locate, value_at

TEXT = '''\
# comment = 1
targets = [ # [not.a.table]
  "a", "b]",
  "c",
]
"quoted.key" = 1
dotted . 'inner' = """
not = "a key"
"""""
[model]
path = 'C:\\x'  # path = 2
escaped = "say \\"x = 1\\""

[ target . "nucleo" . budget ]
flash = 1979-05-27 07:32:00
[compress]
steps = [
  { prune = { sparsity = 0.5 } }, # }
  { prune = { epochs = 1 } }, { quantize = "int8" } ]
[[list]]
a = 1
[[list]]
a = 2
[list.inner]
b = 3
[[list.deep]]
c = 4
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("targets",), 2),
        (("targets", 1), 3),
        (("targets", 2), 4),
        (("quoted.key",), 6),
        (("dotted",), 7),
        (("dotted", "inner"), 7),
        (("model",), 10),
        (("model", "path"), 11),
        (("model", "escaped"), 12),
        (("target", "nucleo", "budget"), 14),
        (("target", "nucleo", "budget", "flash"), 15),
        (("compress", "steps", 0), 18),
        (("compress", "steps", 0, "prune", "sparsity"), 18),
        (("compress", "steps", 1, "prune", "epochs"), 19),
        (("compress", "steps", 2, "quantize"), 19),
        (("list",), 20),
        (("list", 0, "a"), 21),
        (("list", 1, "a"), 23),
        (("list", 1, "inner", "b"), 25),
        (("list", 1, "deep", 0, "c"), 27),
    ],
)
def test_line_of(path: tuple[str | int, ...], line: int) -> None:
    tree = tomllib.loads(TEXT)
    value_at(tree, path)
    assert locate(TEXT)[path] == line


def test_windows_line_ends_count_the_same() -> None:
    assert locate(TEXT.replace("\n", "\r\n")) == locate(TEXT)


@pytest.mark.parametrize("text", ["", "\n", "# only a comment", "a = 1"])
def test_short_texts(text: str) -> None:
    locate(text)


scalars = st.one_of(
    st.integers(-5, 5).map(str),
    st.sampled_from(["true", "1.5", "''", '""', '"a # b"', "'] }'", '"""x\ny"""', "'''\n''q'''", '"\\""']),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[\n" + ",\n".join(items) + "]"),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(
            lambda pairs: "{" + ", ".join(f"{k} = {v}" for k, v in pairs.items()) + "}"
        ),
    ),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["x", "y-1", "z_", '"q.r"']), values, max_size=4))
def test_every_place_that_is_found_exists_and_every_key_is_found(pairs: dict[str, str]) -> None:
    text = "\n".join(f"{key} = {value} # {key}" for key, value in pairs.items())
    tree = tomllib.loads(text)
    found = locate(text)
    for path in found:
        value_at(tree, path)
    assert {path[0] for path in found} == set(tree)
