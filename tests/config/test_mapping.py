import dataclasses
from typing import Literal

import pytest

from sshmr.config.mapping import from_mapping, to_json
from sshmr.errors import InputError


@dataclasses.dataclass(frozen=True)
class Inner:
    width: int = 1


@dataclasses.dataclass(frozen=True)
class Outer:
    rate: float = 0.5
    kind: Literal["a", "b"] = "a"
    sizes: tuple[int, ...] = (1, 2)
    span: tuple[float, float] = (0.0, 1.0)
    inner: Inner = dataclasses.field(default_factory=Inner)
    inners: tuple[Inner, ...] = ()
    path: str | None = None
    on: bool = True


def test_values_arrive_in_their_types_and_defaults_stay():
    made = from_mapping(
        Outer, {"rate": 1, "sizes": [3], "inner": {"width": 7}, "inners": [{"width": 2}], "path": "x"}
    )
    assert made == Outer(rate=1.0, sizes=(3,), inner=Inner(7), inners=(Inner(2),), path="x")
    assert isinstance(made.rate, float)


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ({"rat": 1}, 'Did you mean "rate"'),
        ({"inner": {"widht": 1}}, r'config\.inner: key "widht".*Did you mean "width"'),
        ({"rate": "fast"}, "'fast'; expected a value of type float"),
        ({"rate": True}, "expected a value of type float"),
        ({"kind": "c"}, "one of 'a', 'b'"),
        ({"span": [1.0]}, "2 values"),
        ({"sizes": 3}, "a list"),
        ({"sizes": [1, "x"]}, r"sizes\[1\]"),
        ({"inners": [{"wide": 1}]}, r"inners\[0\]"),
        ([1], "a mapping"),
    ],
)
def test_a_wrong_key_or_value_is_named(mapping, says):
    with pytest.raises(InputError, match=says):
        from_mapping(Outer, mapping)


def test_json_is_the_same_whatever_the_order_of_keys():
    assert to_json(from_mapping(Inner, {"width": 3})) == '{"width": 3}'
