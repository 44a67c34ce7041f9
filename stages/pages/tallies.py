"""What is counted of the rows of a system while they pass by."""

from collections import Counter
from collections.abc import Iterator

from stages.shared.rows import PROBE, Trace
from stages.shared.rule_books import cited, ids_of, reasoning_of

TRAIN, TEST = "train", "test"  # splits
ASKED = ".think_asked"  # the fact of the grader that looks for signals


class TeacherTally:
    """Counts the answers to training problems that a filter looked at; tokens and difficulty are those of all
    splits."""

    def __init__(self) -> None:
        self.rows: Counter[tuple[str, str, str]] = Counter()  # by `by`, task and style
        self.right: Counter[tuple[str, str, str]] = Counter()
        self.kept: Counter[tuple[str, str, str]] = Counter()
        self.dropped: Counter[tuple[str, str]] = Counter()  # by `by` and reason
        self.endings: Counter[tuple[str, str]] = Counter()  # by `by` and ending
        self.tokens: Counter[str] = Counter()  # by `by`
        self.difficulty = DifficultyTally()

    def add(self, trace: Trace, fate: str) -> None:
        """Counts an answer; `fate` as in `TraceTable.add`."""
        self.tokens[trace.by] += trace.tokens
        self.difficulty.add(trace)
        if trace.split != TRAIN:
            return
        key = (trace.by, trace.task, trace.style)
        self.rows[key] += 1
        self.right[key] += trace.grades.get("answer") == 1
        self.kept[key] += fate in ("kept", "hard")
        if fate not in ("kept", "hard"):
            self.dropped[trace.by, fate] += 1
        self.endings[trace.by, str(trace.ending)] += 1


class DifficultyTally:
    """Counts problems by the share of the base model's plain answers that are wrong, in tenths."""

    def __init__(self) -> None:
        self.problems: Counter[tuple[str, float]] = Counter()  # by split and difficulty
        self._last = ""

    def add(self, trace: Trace) -> None:
        """Counts the problem of an answer; the answers to a problem are adjacent."""
        if trace.id != self._last:
            self._last = trace.id
            if trace.pass_rate is not None:
                self.problems[trace.split, round(1 - trace.pass_rate, 1)] += 1


class ArmTally:
    """Counts the answers of the arms of an evaluation to the test problems."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str]] = Counter()  # by arm and task
        self.right: Counter[tuple[str, str]] = Counter()
        self.endings: Counter[tuple[str, str]] = Counter()  # by arm and ending
        self.tokens: Counter[str] = Counter()  # by arm
        self.difficulty = DifficultyTally()
        self.signals = SignalTally()
        self.rules = RuleTally()

    def add(self, trace: Trace) -> None:
        """Counts an answer."""
        self.difficulty.add(trace)
        if trace.by == PROBE:
            return
        self.answers[trace.by, trace.task] += 1
        self.right[trace.by, trace.task] += trace.grades.get("answer") == 1
        self.endings[trace.by, str(trace.ending)] += 1
        self.tokens[trace.by] += trace.tokens
        self.signals.add(trace)
        self.rules.add(trace)

    def arms(self) -> list[str]:
        """In the order of their first answers."""
        return list(dict.fromkeys(arm for arm, _ in self.answers))


class SignalTally:
    """Counts how often signals that were asked for stand as asked, by symbol and by count."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, str, str]] = (
            Counter()
        )  # by arm, what (think, stop) and symbol or count
        self.exact: Counter[tuple[str, str, str]] = Counter()

    def add(self, trace: Trace) -> None:
        """Counts an answer whose facts say what was asked for."""
        grader = next((name.removesuffix(ASKED) for name in trace.facts if name.endswith(ASKED)), None)
        if grader is None:
            return
        for part in ("think", "stop"):
            count = trace.facts.get(f"{grader}.{part}_asked", 0)
            if count:
                exact = trace.facts.get(f"{grader}.{part}") == count
                symbol = str(trace.facts.get(f"{grader}.{part}_symbol", ""))
                for value in (symbol, str(int(float(count)))):
                    self.asked[trace.by, part, value] += 1
                    self.exact[trace.by, part, value] += exact

    def values(self, part: str, counts: bool) -> list[str]:
        """The symbols, or the counts, that were asked for."""
        asked_for = {value for _, asked_part, value in self.asked if asked_part == part}
        chosen = (value for value in asked_for if value.isdigit() == counts)
        return sorted(chosen, key=lambda value: (len(value), value))


class RuleTally:
    """Counts how often each rule decides a problem, and how often it is cited."""

    def __init__(self) -> None:
        self.decides: Counter[tuple[str, str]] = Counter()  # by arm and rule
        self.cited: Counter[tuple[str, str]] = Counter()
        self.both: Counter[tuple[str, str]] = Counter()

    def add(self, trace: Trace) -> None:
        """Counts an answer to a problem with a rule book whose decisive rules are known."""
        if not trace.rule_book or trace.chain is None:
            return
        names = cited(reasoning_of(trace.text), ids_of(trace.rule_book))
        for rule in {*names, *trace.chain}:
            self.decides[trace.by, rule] += rule in trace.chain
            self.cited[trace.by, rule] += rule in names
            self.both[trace.by, rule] += rule in trace.chain and rule in names

    def arms(self) -> list[str]:
        """Those that cite any rule."""
        return list(dict.fromkeys(arm for arm, _ in self.cited if any(self._cites(arm))))

    def _cites(self, arm: str) -> Iterator[int]:
        return (count for (name, _), count in self.cited.items() if name == arm)

    def rules(self) -> list[str]:
        """The rules that decide any problem; what is cited beside them exists in no rule book."""
        return sorted({rule for (_, rule), count in self.decides.items() if count})
