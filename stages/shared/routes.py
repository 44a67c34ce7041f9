"""What a router expects of the answers to a problem: a row of a file of routes."""

import msgspec

STUDENTS = ("first", "second")  # the two students of a pair, as rows and folders name them


class Route(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A problem, with the utility that the router predicts of each student's answer in each style: by student
    (`first`, `second`), then by style. The larger, the better; None: there is no router to ask."""

    id: str
    task: str
    split: str
    utility: dict[str, dict[str, float]] | None = None
