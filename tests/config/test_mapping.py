from typing import Literal

import pytest
from pydantic import Field, ValidationError

from sshmr.config.base import Settings
from sshmr.config.mapping import from_mapping, to_json
from sshmr.errors import InputError


class Inner(Settings):
    width: int = Field(1, ge=1)


class Outer(Settings):
    rate: float = 0.5
    kind: Literal["a", "b"] = "a"
    sizes: tuple[int, ...] = (1, 2)
    span: tuple[float, float] = (0.0, 1.0)
    inner: Inner = Inner()
    inners: tuple[Inner, ...] = ()
    path: str | None = None
    on: bool = True


def test_values_arrive_in_their_types_and_defaults_stay():
    made = from_mapping(
        Outer, {"rate": 1, "sizes": [3], "inner": {"width": 7}, "inners": [{"width": 2}], "path": "x"}
    )
    assert made == Outer(rate=1.0, sizes=(3,), inner=Inner(width=7), inners=(Inner(width=2),), path="x")
    assert isinstance(made.rate, float)


def test_text_is_read_where_a_key_takes_none():
    made = from_mapping(Outer, {"rate": "1e-3", "sizes": ["4"], "path": "12", "on": "false"})
    assert (made.rate, made.sizes, made.path, made.on) == (0.001, (4,), "12", False)


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({"rat": 1}, 'config: key "rat" is unknown.*Did you mean "rate"'),
        ({"inner": {"widht": 1}}, r'key "inner\.widht" is unknown; expected one of width\. Did you mean'),
        ({"inners": [{"wide": 1}]}, r'key "inners\[0\]\.wide".*Did you mean "inners\[0\].width"'),
        ({1: 2}, "unknown"),
        ({"rate": "fast"}, "key \"rate\" is 'fast'; expected a number"),
        ({"rate": True}, "expected a number"),
        ({"rate": float("nan")}, "expected a finite number"),
        ({"rate": "inf"}, "expected a finite number"),
        ({"rate": None}, "expected a number"),
        ({"kind": "c"}, "one of 'a' or 'b'"),
        ({"span": [1.0]}, r"span\[1\]"),
        ({"sizes": 3}, "a list"),
        ({"sizes": [1, "x"]}, r"sizes\[1\].*an integer"),
        ({"sizes": [1.5]}, "an integer"),
        ({"inner": {"width": 0}}, 'key "inner.width" is 0; expected 1 or more'),
        ({"inner": 3}, "expected a mapping of keys"),
        ([1], r"config: it holds \[1\]; expected a mapping of keys"),
    ],
)  # fmt: skip
def test_a_wrong_key_or_value_is_named(mapping, says):
    with pytest.raises(InputError, match=says):
        from_mapping(Outer, mapping)


def test_an_error_names_the_section_above():
    with pytest.raises(InputError, match=r'x\.yaml: key "outer\.inner\.width" is 0'):
        from_mapping(Outer, {"inner": {"width": 0}}, "outer", "x.yaml")


def test_replacing_a_value_checks_it():
    assert Inner().replace(width=3) == Inner(width=3)
    with pytest.raises(ValidationError):
        Inner().replace(width=0)


def test_json_is_the_same_whatever_the_order_of_keys():
    assert to_json(from_mapping(Inner, {"width": 3})) == '{"width": 3}'
