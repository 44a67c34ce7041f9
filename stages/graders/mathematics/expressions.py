"""Whether two mathematical answers are equal.

Cheap comparisons come first and settle nearly everything: the same text; times, dates and numbers in a base;
plain numbers (numbers.py). Then the two trees (readings.py) are compared part by part (parts.py). SymPy in a
child process (symbolic.py) comes last, where both sides are mathematics beyond the grammar.
"""

import re
from fractions import Fraction

from stages.graders.mathematics.latex import MAX_LENGTH
from stages.graders.mathematics.parts import same
from stages.graders.mathematics.pieces import candidates, said
from stages.graders.mathematics.points import Undefined, holds, symbols
from stages.graders.mathematics.readings import Reading, read
from stages.graders.mathematics.terms import Node
from stages.graders.quantities import literals, numbers
from stages.graders.quantities.units import fit
from stages.graders.quantities.written_numbers import Number
from stages.graders.reading.boxes import last_box
from stages.graders.reading.characters import plain_characters
from stages.graders.reading.compare import Comparison, Policies, Rules
from stages.graders.reading.dressing import undressed, unlabelled
from stages.graders.reading.limits import TooMuch
from stages.graders.reading.span import Span
from stages.graders.sandbox import symbolic

_FORMULA = re.compile(  # of a chemical compound
    r"(?=.*\d)(?:[A-Z][a-z]?\d{0,3}|\((?:[A-Z][a-z]?\d{0,3}){1,9}\)\d{0,3}){2,20}"
)
_GROUPED = re.compile(r"-?[1-9]\d{0,2}(?:,\d{3})+")
_COMMA = re.compile(r"-?\d+,\d+")
_MATHEMATICAL = re.compile(
    r"\\(?:int|sum|prod|lim|log|frac|sqrt|binom|sin|cos|tan|ln|infty)\b|[\d)}\]]\s*[-+*/^=]|\^"
)
_PROSE = re.compile(r"[A-Za-z]{4,}")
_SPACE = re.compile(r"(?<!\d)\s+|\s+(?!\d)")  # `12 3` is not `1 23`
_NOISE = re.compile(r"[^\w.%+*/^=<>-]|\b(?:a|an|the)\b")


def final(span: Span) -> tuple[Reading, str] | None:
    """The answer that a span of a response commits to, as read and as written; None where there is none."""
    if span.rule == "text":
        # a whole solution is no answer: the last number in it may be, or its last line as a string
        last_number = numbers.find(span.text, last=True)
        text = last_number[1] if last_number else said(span.text.rsplit("\n", 1)[-1])
        return read(text), text
    first: tuple[Reading, str] | None = None
    whole = span.text if len(span.text) <= MAX_LENGTH else ""
    if span.rule in ("boxed", "marked"):
        span = span._replace(text=unlabelled(span.text))
    for text in candidates(span):
        reading = read(text)
        if reading.known or (span.rule == "last" and text.startswith(("\\text", "\\mathrm"))):
            return reading._replace(whole=whole), text
        if first is None and reading.plain.text and span.rule != "last":
            first = reading._replace(whole=whole), text
    return first


def gold(text: str) -> Reading | None:
    """The reading of a gold answer, bare or boxed; None where it is empty, too long, or its braces do not
    close."""
    try:
        reading = read(undressed(last_box(text) or text))
    except TooMuch:
        return None
    unescaped = text.replace("\\{", "").replace("\\}", "")
    is_closed = unescaped.count("{") == unescaped.count("}")
    return reading if reading.plain.text and is_closed else None


def equal(gold: Reading, pred: Reading, policies: Policies) -> Comparison:
    """Whether two readings are the same answer.

    Two different units make the answers differ; a missing unit does not, unless `policies` say so. Raises
    TooMuch where an answer is beyond a limit and the strings differ.
    """
    if (written := _squeezed(gold.text)) and written in (_squeezed(pred.text), _squeezed(pred.whole)):
        return Comparison(True, "same text")
    for gold_text, pred_text in ((gold.text, pred.text), (gold.plain.text, pred.plain.text)):
        if (comparison := _literals(gold_text, pred_text)) is not None:
            return comparison
    if (formula := _formula(gold.text)) and formula == _formula(pred.text):
        return Comparison(True, "same formula")
    factor = _unit_factor(gold, pred, policies)
    if factor is None:
        return Comparison(False, "units")
    if factor == 1 and _string(gold, policies) == _string(pred, policies):
        return Comparison(True, "same text")
    if pred.limit or gold.limit:
        raise TooMuch("an answer beyond the limits")
    return _valued(gold, pred, factor, policies)


def _unit_factor(gold: Reading, pred: Reading, policies: Policies) -> Fraction | None:
    """The factor from the gold unit to the predicted one; None where the units make the answers differ."""
    if policies.units == "strict" and bool(gold.plain.unit) != bool(pred.plain.unit):
        return None
    if _radians_and_degrees(gold, pred) or _radians_and_degrees(pred, gold):
        return None
    return fit(gold.plain.unit, pred.plain.unit)


def _radians_and_degrees(radians: Reading, degrees: Reading) -> bool:
    """Whether `radians` is a number of radians and `degrees` has a degree sign."""
    unit = radians.plain.unit
    is_radians = unit is not None and unit.kind == "radian" and radians.number is not None
    return is_radians and "\\degree" in degrees.plain.text


def _formula(text: str) -> str:
    """The chemical formula that `text` is, without LaTeX (`H2SO4`); empty where `text` is none."""
    bare = re.sub(r"\\(?:text|mathrm|ce|rm)\b|[\s{}_$]", "", plain_characters(text)).rstrip(".")
    return bare if _FORMULA.fullmatch(bare) else ""


def _squeezed(text: str) -> str:
    return " ".join(text.replace("$", "").split()).strip(" .")


def _literals(gold: str, pred: str) -> Comparison | None:
    """The comparison of two times, two dates, or answers of which one has a base; None for any other
    answers."""
    gold_time, pred_time = literals.moment(gold), literals.moment(pred)
    if gold_time and pred_time:
        return Comparison(gold_time.same(pred_time), "time of day")
    gold_day, pred_day = literals.day(gold), literals.day(pred)
    if gold_day and pred_day:
        return Comparison(literals.same_day(gold_day, pred_day), "date")
    gold_based, pred_based = literals.based(gold), literals.based(pred)
    if gold_based and pred_based:
        return Comparison(gold_based.value == pred_based.value, "base")
    if gold_based:
        return _with_base(gold_based, pred, is_bare_pred=True)
    return _with_base(pred_based, gold, is_bare_pred=False) if pred_based else None


def _with_base(based: literals.Based, text: str, is_bare_pred: bool) -> Comparison | None:
    """A number in a base against a text without one: equal where the values or the digits are.

    `is_bare_pred`: the text is the predicted answer; its digits may then be meant in the base, unless they
    are no digits of the base.
    """
    number = numbers.whole(text)
    if number is not None:
        written = text.strip().strip("$. ")
        if (
            is_bare_pred
            and based.base < 10
            and set(written) <= set("0123456789"[: based.base])
            and written != based.digits
        ):
            return Comparison(False, "base")  # 11 may be written in base 2 as well as in base 10
        return Comparison(number.value == based.value or written.upper() == based.digits, "base")
    return Comparison(True, "base") if _squeezed(text).upper() == based.digits else None


def _valued(gold: Reading, pred: Reading, factor: Fraction, policies: Policies) -> Comparison:
    """Compares modulo a number, then as numbers, then as trees, then by SymPy."""
    if gold.modulus and pred.modulus and gold.modulus != pred.modulus:
        return Comparison(False, "modulo")
    if gold.modulus and gold.modulus == pred.modulus and gold.number and pred.number:
        return Comparison((gold.number.value - pred.number.value) % gold.modulus == 0, "modulo")
    if (
        "log" in pred.plain.text
        and "ln" in gold.plain.text
        and "log" not in gold.plain.text
        and not symbols(gold.tree)
    ):
        pred = read(pred.plain.text.replace("log", "ln"))  # \\log for the natural logarithm
    comparison = Comparison(False, "same text")
    if gold.number and pred.number:
        comparison = _numbers(gold.number, pred.number, factor, policies)
        # `1,5` is a decimal or a list of two
        listed = _COMMA.fullmatch(gold.plain.text), _COMMA.fullmatch(pred.plain.text)
        if not any(listed):
            return comparison
        if comparison and not (listed[0] and not listed[1] and not gold.plain.text.startswith(("0,", "-0,"))):
            return comparison
    gold_tree, pred_tree = _ungrouped(gold, pred.tree, True), _ungrouped(pred, gold.tree, False)
    has_words = holds([gold_tree, pred_tree], "word")
    if gold_tree is not None and pred_tree is not None and (policies.text == "loose" or not has_words):
        comparison = _trees(gold_tree, pred_tree, factor, Rules.of(policies))
        if comparison or comparison.how == "values at points":
            return comparison
    if _beyond(gold) or _beyond(pred):
        return _symbolic(gold, pred, policies) or comparison
    return comparison


def _ungrouped(reading: Reading, compared: Node | None, is_gold: bool) -> Node | None:
    """The tree of a reading, and a number for `120,000`, which may also be a list of two.

    A predicted `1,234` stays a list where the gold answer is a list or a set.
    """
    if reading.number is None or not _GROUPED.fullmatch(reading.plain.text):
        return reading.tree
    if not is_gold and compared is not None and compared[0] in ("list", "set", "tuple"):
        return reading.tree
    return ("number", reading.number.value, reading.number.places)


def _numbers(gold: Number, pred: Number, factor: Fraction, policies: Policies) -> Comparison:
    converted = gold._replace(value=gold.value * factor, scaled=gold.scaled * factor, unit=None)
    return numbers.same(converted, pred._replace(unit=None), policies)


def _trees(gold: Node, pred: Node, factor: Fraction, rules: Rules) -> Comparison:
    converted: Node = gold if factor == 1 else ("product", [("number", factor, None), gold])
    try:
        return same(converted, pred, rules)
    except Undefined:
        return Comparison(False, "no value")


def _string(reading: Reading, policies: Policies) -> str:
    text = reading.plain.text
    text = re.sub(r"\{\s*(\w)\s*\}", r"\1", text)
    if policies.text == "strict":
        return _SPACE.sub("", text.replace('"', ""))
    words = text.replace('"', " ")
    if len(words.strip()) > 1 and re.fullmatch(r"[A-Za-z\s.,'!?-]+", words):
        text = _NOISE.sub(" ", words.casefold())
    return _SPACE.sub("", text.replace('"', ""))


def _beyond(reading: Reading) -> bool:
    """Whether an answer is mathematics that the grammar does not cover, or a sum or integral."""
    text = reading.plain.text
    return (
        (reading.tree is None or holds(reading.tree, "big"))
        and bool(_MATHEMATICAL.search(text))
        and not _PROSE.search(re.sub(r"\\[A-Za-z]+", "", text))
    )


def _is_mathematics(reading: Reading) -> bool:
    return _beyond(reading) or (
        reading.tree is not None and not holds(reading.tree, "word", "list", "set", "tuple", "relation")
    )


def _symbolic(gold: Reading, pred: Reading, policies: Policies) -> Comparison | None:
    """The comparison by SymPy; None where the policies exclude SymPy or where SymPy cannot read an answer."""
    if policies.symbolic is None or not (_is_mathematics(gold) and _is_mathematics(pred)):
        return None
    same = symbolic.equal(gold.plain.text, pred.plain.text, policies.symbolic, policies.relative_tolerance)
    return None if same is None else Comparison(same, "symbolic")
