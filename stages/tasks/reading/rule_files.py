"""Rule books as people have them: a folder with a text file for each rule.

    name: Damaged parcel
    label: refund
    trigger: the parcel arrived damaged
    exceptions:
    - bought more than 30 days ago
    right: "The vase came in pieces."
    wrong: "I do not like the colour."

Each line `key: value` begins a part, and the lines below it go on with that part; a value of several lines is
a list. Needed: name and label. Free: id (by default R1, R2, ... in the order of the file names), trigger,
exceptions, right, wrong. Other usual names of the keys are understood (`KEYS`); an unknown key is an error. A
line that begins with `#` is left out.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from stages.shared.errors import BadInput, unknown
from stages.shared.rule_books import ID, Rule

KEYS = {
    "id": "id rule_id number",
    "name": "name title rule rule_name",
    "label": "label class decision outcome",
    "trigger": "trigger triggers when condition conditions applies_when description",
    "exceptions": "exceptions exception unless except does_not_apply_when",
    "right": "right right_examples examples example positive positive_examples correct_examples",
    "wrong": "wrong wrong_examples counterexamples negative negative_examples incorrect_examples",
}
_KEY_OF = {name: key for key, names in KEYS.items() for name in names.split()}
_PART = re.compile(r"([A-Za-z][A-Za-z _-]{0,30}):(?:\s+(.*))?")
_LISTS = ("exceptions", "right", "wrong")


def rule_book(folder: Path, labels: Sequence[str]) -> list[Rule]:
    """The rules of the `*.txt` files of `folder`, in the order of their names.

    Raises BadInput where there is none, on a file that is no rule, a label that is not among `labels`, and
    two rules of one id.
    """
    paths = sorted(folder.glob("*.txt")) if folder.is_dir() else []
    if not paths:
        raise BadInput(f"{folder}: no rule book: expected a folder with a *.txt file for each rule")
    rules: dict[str, Rule] = {}
    for number, path in enumerate(paths, 1):
        rule = read_rule(path, f"R{number}", labels)
        if rule.id.casefold() in rules:
            raise BadInput(
                f"{path}: the id {rule.id!r} is that of the rule {rules[rule.id.casefold()].name!r} already; "
                "every rule needs its own"
            )
        rules[rule.id.casefold()] = rule
    return list(rules.values())


def read_rule(path: Path, id: str, labels: Sequence[str]) -> Rule:
    """The rule of one file; `id` is its id where the file gives none. Raises BadInput, naming the file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: not UTF-8 text: {error.reason} at byte {error.start}") from None
    parts = _parts(path, text)
    for key in ("name", "label"):
        if not parts.get(key):
            raise BadInput(f"{path}: a rule without a {key}: expected a line `{key}: ...`")
    words = {key: " ".join(lines) for key, lines in parts.items() if key not in _LISTS}
    label = {label.casefold(): label for label in labels}.get(words["label"].casefold())
    if label is None:
        raise BadInput(f"{path}: {unknown('label', words['label'], labels)}")
    rule_id = words.get("id") or id
    if not ID.fullmatch(rule_id):
        raise BadInput(f"{path}: id {rule_id!r}: expected letters and a number, such as R1 or refund-12")
    lists = {key: tuple(parts.get(key, ())) for key in _LISTS}
    return Rule(rule_id, words["name"], label, words.get("trigger", ""), **lists)


def _parts(path: Path, text: str) -> dict[str, list[str]]:
    """The lines of each part, without list marks."""
    parts: dict[str, list[str]] = {}
    current: list[str] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.strip()
        if not plain or plain.startswith("#"):
            continue
        part = _PART.fullmatch(line.rstrip()) if not line[:1].isspace() else None
        if part:
            named = re.sub(r"[ -]+", "_", part[1].strip().casefold())
            if named not in _KEY_OF:
                raise BadInput(f"{path}:{number}: {unknown('key', part[1], KEYS)}")
            if _KEY_OF[named] in parts:
                raise BadInput(f"{path}:{number}: the key {_KEY_OF[named]!r} stands twice")
            current = parts.setdefault(_KEY_OF[named], [])
            plain = (part[2] or "").strip()
        elif current is None:
            raise BadInput(f"{path}:{number}: expected `key: value`, got {plain[:60]!r}")
        item = re.sub(r"^(?:[-*•]|\d{1,2}[.)])\s+", "", plain)
        if item:
            current.append(item)
    return parts
