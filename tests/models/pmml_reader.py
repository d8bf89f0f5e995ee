"""A reader of PMML 4.4, written from its specification and not from our writer.

It knows what the tests need: predicates in three-valued logic, Scorecard with reason codes,
TreeModel without a strategy for missing values, sums of segments, transformed outputs. A row is a
dict in which a missing value is None.
"""

import math
import re
from typing import Any
from xml.etree import ElementTree

NS = "{http://www.dmg.org/PMML-4_4}"
Row = dict[str, Any]


def read(text: str) -> ElementTree.Element:
    """Return the document's only model."""
    root = ElementTree.fromstring(text.encode())
    assert root.tag == f"{NS}PMML"
    assert [child.tag for child in root][:2] == [f"{NS}Header", f"{NS}DataDictionary"]
    (model,) = list(root)[2:]
    return model


def score(model: ElementTree.Element, row: Row) -> Row:
    """Return the output fields of a row."""
    if model.tag == f"{NS}Scorecard":
        value, reasons = scorecard(model, row)
    else:
        value, reasons = mining(model, row), []
    found: Row = {}
    for field in model.findall(f"{NS}Output/{NS}OutputField"):
        feature = field.get("feature")
        if feature == "predictedValue":
            found[field.get("name")] = value
        elif feature == "reasonCode":
            found[field.get("name")] = reasons[int(field.get("rank", "1")) - 1]
        else:
            found[field.get("name")] = expression(field[0], {**row, **found})
    return found


def scorecard(model: ElementTree.Element, row: Row) -> tuple[float, list[str]]:
    """Return the sum of partial scores, and the reason codes from the largest difference on."""
    total = float(model.get("initialScore", "0"))
    lost = []
    assert model.get("reasonCodeAlgorithm") == "pointsBelow"
    for part in model.find(f"{NS}Characteristics"):
        attribute = next(a for a in part if holds(a[0], row) is True)
        points = float(attribute.get("partialScore"))
        total += points
        lost.append((float(part.get("baselineScore")) - points, part.get("reasonCode")))
    return total, [code for _, code in sorted(lost, key=lambda pair: -pair[0])]


def mining(model: ElementTree.Element, row: Row) -> float:
    """Return the sum over segments."""
    segments = model.find(f"{NS}Segmentation")
    assert segments.get("multipleModelMethod") == "sum"
    total = 0.0
    for segment in segments:
        assert segment[0].tag == f"{NS}True"
        total += tree(segment.find(f"{NS}TreeModel"), row)
    return total


def tree(model: ElementTree.Element, row: Row) -> float:
    """Return the score of the leaf; a comparison that is unknown lets the next child be asked."""
    assert model.get("missingValueStrategy") == "none"
    node = model.find(f"{NS}Node")
    assert holds(predicate_of(node), row) is True
    while node.findall(f"{NS}Node"):
        node = next(c for c in node.findall(f"{NS}Node") if holds(predicate_of(c), row) is True)
    return float(node.get("score"))


def predicate_of(node: ElementTree.Element) -> ElementTree.Element:
    """Return a node's condition."""
    return next(child for child in node if child.tag != f"{NS}Node")


def holds(predicate: ElementTree.Element, row: Row) -> bool | None:
    """Return whether a predicate is true; None is unknown."""
    kind = predicate.tag.removeprefix(NS)
    if kind in ("True", "False"):
        return kind == "True"
    if kind == "CompoundPredicate":
        parts = [holds(part, row) for part in predicate]
        decisive = predicate.get("booleanOperator") == "or"
        if decisive in parts:
            return decisive
        return None if None in parts else not decisive
    value = row[predicate.get("field")]
    operator = predicate.get("operator") or predicate.get("booleanOperator")
    if operator == "isMissing":
        return value is None
    if operator == "isNotMissing":
        return value is not None
    if value is None:
        return None
    if kind == "SimpleSetPredicate":
        words = re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', predicate[0].text)
        listed = [quoted or bare for quoted, bare in words]
        assert len(listed) == int(predicate[0].get("n"))
        return (value in listed) == (operator == "isIn")
    other = type(value)(predicate.get("value"))
    return {
        "equal": value == other,
        "notEqual": value != other,
        "lessOrEqual": isinstance(value, float) and value <= other,
        "greaterThan": isinstance(value, float) and value > other,
    }[operator]


def expression(element: ElementTree.Element, row: Row) -> float:
    """Return an expression's value."""
    kind = element.tag.removeprefix(NS)
    if kind == "Constant":
        return float(element.text)
    if kind == "FieldRef":
        return row[element.get("field")]
    first, *rest = (expression(child, row) for child in element)
    return {
        "+": lambda: first + rest[0],
        "-": lambda: first - rest[0],
        "*": lambda: first * rest[0],
        "/": lambda: first / rest[0],
        "exp": lambda: math.exp(first),
    }[element.get("function")]()


def rows_of(frame: Any) -> list[Row]:
    """Return a table's rows with None where a value is missing."""
    return [
        {name: None if value is None or value != value else value for name, value in row.items()}
        for row in frame.to_dict("records")
    ]
