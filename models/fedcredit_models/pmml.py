"""Fitted models as PMML 4.4: what banks' decision engines read.

A scorecard becomes a ``Scorecard`` with a characteristic for each feature and the reason codes of
:meth:`Scorecard.reasons`; trees become a ``MiningModel`` whose segments are added. Conditions are
written from the same cells that score a row: a number's ends, missing values, special codes, levels
and whatever was never declared. A category's field holds text, as the levels were declared.

References
----------
Data Mining Group, PMML 4.4.1: Scorecard, TreeModel, MultipleModels.
"""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from fedcredit_models.cells import RawCells, runs
from fedcredit_models.trees import Node, Tree, leaf_value

if TYPE_CHECKING:
    from fedcredit_models.gbdt import Gbdt
    from fedcredit_models.scorecard import Scorecard

NAMESPACE = "http://www.dmg.org/PMML-4_4"

REASONS = 4
"""Reason codes that a scorecard's file puts out."""

_OUTPUT = {"score", "log_odds_bad", "probability_bad"} | {f"reason_{i + 1}" for i in range(REASONS)}

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_PLAIN = re.compile(r"[^\s\"\\]+")


def scorecard_pmml(card: "Scorecard", *, points: Literal["whole", "exact"] = "whole") -> str:
    """Return a scorecard as one PMML document.

    Parameters
    ----------
    card : Scorecard
        Fitted.
    points : {"whole", "exact"}, default "whole"
        Whole points are those of ``card.table()``. Exact ones are not rounded; only from them
        follow the log odds and the probability of bad, which the file then puts out too.

    Returns
    -------
    str
        Output fields ``score``, ``reason_1`` to ``reason_4`` (features, most points lost first,
        against their best bin; one that lost none may stand last); with exact points
        ``log_odds_bad`` and ``probability_bad``.

    Raises
    ------
    ValueError
        When the card has no feature, XML cannot hold a name or a level, or a feature is named like
        an output field.
    """
    if not card.tables_:
        raise ValueError("a scorecard without a feature has no PMML form: use its JSON")
    cells = [table.raw for table in card.tables_]
    root = _document(cells, "Credit scorecard; a higher score is safer")
    model = SubElement(
        root,
        "Scorecard",
        modelName="scorecard",
        functionName="regression",
        algorithmName="FedCredit",
        initialScore="0",
        useReasonCodes="true",
        reasonCodeAlgorithm="pointsBelow",
        baselineMethod="max",
    )
    _mining_schema(model, cells)
    output = SubElement(model, "Output")
    _output(output, "score", feature="predictedValue")
    for rank in range(1, min(REASONS, len(cells)) + 1):
        SubElement(
            output,
            "OutputField",
            name=f"reason_{rank}",
            feature="reasonCode",
            rank=str(rank),
            dataType="string",
            optype="categorical",
        )
    if points == "exact":
        eta = _apply("/", _apply("-", _number(card.offset), _field("score")), _number(card.factor))
        _transformed(output, "log_odds_bad", eta)
        _probability(output)
    parts = SubElement(model, "Characteristics")
    for j, table in enumerate(card.tables_):
        given = card.exact_points(j) if points == "exact" else card.bin_points(j)
        neutral = card.neutral_exact if points == "exact" else card.neutral_points
        part = SubElement(
            parts,
            "Characteristic",
            name=table.raw.feature.name,
            reasonCode=table.raw.feature.name,
            baselineScore=repr(max(given.tolist())),
        )
        for bin_, value in enumerate(given.tolist()):
            held = [cell for cell, number in enumerate(table.assignment) if number == bin_]
            SubElement(part, "Attribute", partialScore=repr(value)).append(_holds(table.raw, held))
        rest = SubElement(part, "Attribute", partialScore=repr(neutral))
        SubElement(rest, "True")
    return _text(root)


def gbdt_pmml(model: "Gbdt") -> str:
    """Return boosted trees as one PMML document.

    Parameters
    ----------
    model : Gbdt
        Fitted.

    Returns
    -------
    str
        Output fields ``log_odds_bad`` and ``probability_bad``. Leaves are whole multiples of
        2**-40, so their sum in doubles is exact.

    Raises
    ------
    ValueError
        When XML cannot hold a name or a level, or a feature is named like an output field.

    Disclosure
    ----------
    Holds the training rows of each node (``recordCount``), as the model's JSON does.
    """
    root = _document(model.raw_, "Boosted trees; the sum is the log odds of bad")
    mining = SubElement(
        root,
        "MiningModel",
        modelName="gbdt",
        functionName="regression",
        algorithmName="FedCredit",
    )
    _mining_schema(mining, model.raw_)
    output = SubElement(mining, "Output")
    _output(output, "log_odds_bad", feature="predictedValue")
    _probability(output)
    segments = SubElement(mining, "Segmentation", multipleModelMethod="sum")
    start = Tree((Node(n=model.trees_[0].nodes[0].n if model.trees_ else 0, value=model.base_),))
    for number, tree in enumerate((start, *model.trees_)):
        segment = SubElement(segments, "Segment", id=str(number))
        SubElement(segment, "True")
        part = SubElement(
            segment,
            "TreeModel",
            functionName="regression",
            splitCharacteristic="binarySplit",
            missingValueStrategy="none",
            noTrueChildStrategy="returnNullPrediction",
        )
        asked = sorted({node.feature for node in tree.nodes if not node.is_leaf}) or [0]
        _mining_schema(part, [model.raw_[feature] for feature in asked])
        _node(part, tree, 0, Element("True"), model.raw_)
    return _text(root)


def _node(
    above: Element, tree: Tree, place: int, condition: Element, raw: Sequence[RawCells]
) -> None:
    """Add a node; its right child takes whatever the left one does not."""
    node = tree.nodes[place]
    element = SubElement(above, "Node", id=str(place), recordCount=str(node.n))
    element.append(condition)
    if node.is_leaf:
        element.set("score", repr(leaf_value(node.value)))
        return
    left, right = node.children
    _node(element, tree, left, _holds(raw[node.feature], node.left), raw)
    _node(element, tree, right, Element("True"), raw)


def _document(cells: Sequence[RawCells], description: str) -> Element:
    for feature in (raw.feature for raw in cells):
        if any(_NOT_XML.search(text) for text in (feature.name, *feature.levels)):
            raise ValueError(
                f"feature {feature.name!r}: XML cannot hold a character of its name or of its "
                "levels; rename it, or export to JSON"
            )
        if feature.name in _OUTPUT:
            raise ValueError(
                f"feature {feature.name!r}: the file puts out a field of that name; rename the "
                "feature, or export to JSON or SQL"
            )
    root = Element("PMML", xmlns=NAMESPACE, version="4.4")
    header = SubElement(root, "Header", description=description)
    SubElement(header, "Application", name="FedCredit")
    fields = SubElement(root, "DataDictionary", numberOfFields=str(len(cells)))
    for raw in cells:
        is_number = raw.feature.kind == "numeric"
        SubElement(
            fields,
            "DataField",
            name=raw.feature.name,
            optype="continuous" if is_number else "categorical",
            dataType="double" if is_number else "string",
        )
    return root


def _mining_schema(model: Element, cells: Iterable[RawCells]) -> None:
    schema = SubElement(model, "MiningSchema")
    for raw in cells:
        SubElement(schema, "MiningField", name=raw.feature.name, invalidValueTreatment="asIs")


def _output(output: Element, name: str, *, feature: str) -> Element:
    return SubElement(
        output, "OutputField", name=name, feature=feature, optype="continuous", dataType="double"
    )


def _transformed(output: Element, name: str, expression: Element) -> None:
    _output(output, name, feature="transformedValue").append(expression)


def _probability(output: Element) -> None:
    """Put out 1 / (1 + exp(-eta))."""
    minus = _apply("*", _number(-1.0), _field("log_odds_bad"))
    odds = _apply("+", _number(1.0), _apply("exp", minus))
    _transformed(output, "probability_bad", _apply("/", _number(1.0), odds))


def _apply(function: str, *arguments: Element) -> Element:
    element = Element("Apply", function=function)
    element.extend(arguments)
    return element


def _number(value: float) -> Element:
    element = Element("Constant", dataType="double")
    element.text = repr(value)
    return element


def _field(name: str) -> Element:
    return Element("FieldRef", field=name)


def _holds(raw: RawCells, cells: Iterable[int]) -> Element:
    """Return the predicate under which a value lies in one of the cells.

    A comparison with a missing value is *unknown*, and counts as false where a child or an
    attribute is chosen; ``or`` with a true ``isMissing`` is true.
    """
    chosen = set(cells)
    name, m = raw.feature.name, raw.n_ordinary
    parts = [_simple(name, "isMissing")] if m in chosen else []
    if raw.feature.kind == "categorical":
        return _joined("or", [*parts, *_levels(raw, chosen)])
    codes = {code: m + 1 + j in chosen for j, code in enumerate(raw.feature.special)}
    parts += [_simple(name, "equal", code) for code, held in codes.items() if held]
    for first, last in runs(sorted(cell for cell in chosen if cell < m)):
        inside = [_simple(name, "greaterThan", raw.edges[first - 1])] if first else []
        inside += [_simple(name, "lessOrEqual", raw.edges[last])] if last < m - 1 else []
        inside += [_simple(name, "notEqual", code) for code, held in codes.items() if not held]
        parts.append(_joined("and", inside or [_simple(name, "isNotMissing")]))
    return _joined("or", parts)


def _levels(raw: RawCells, chosen: set[int]) -> list[Element]:
    levels, name = raw.feature.levels, raw.feature.name
    has_other = len(levels) in chosen
    listed = [level for i, level in enumerate(levels) if (i in chosen) != has_other]
    if not listed:
        return [_simple(name, "isNotMissing")] if has_other else []
    if len(listed) > 1 and all(_PLAIN.fullmatch(level) for level in listed):
        element = Element(
            "SimpleSetPredicate", field=name, booleanOperator="isNotIn" if has_other else "isIn"
        )
        array = SubElement(element, "Array", type="string", n=str(len(listed)))
        array.text = " ".join(f'"{level}"' for level in listed)
        return [element]
    if has_other:
        return [_joined("and", [_simple(name, "notEqual", level) for level in listed])]
    return [_simple(name, "equal", level) for level in listed]


def _simple(name: str, operator: str, value: float | str | None = None) -> Element:
    element = Element("SimplePredicate", field=name, operator=operator)
    if value is not None:
        element.set("value", value if isinstance(value, str) else repr(value))
    return element


def _joined(operator: str, parts: Sequence[Element]) -> Element:
    if not parts:
        return Element("False")
    if len(parts) == 1:
        return parts[0]
    element = Element("CompoundPredicate", booleanOperator=operator)
    element.extend(parts)
    return element


def _text(root: Element) -> str:
    indent(root, " ")
    text = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'
