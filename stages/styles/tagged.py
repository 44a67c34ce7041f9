"""The question, and a tag below it that says in which style to answer: a student that learnt each path with
the tag of its style can be asked in any style.

The tag of a trace is that of the trace's own style. The tag of any other problem is that of `ask`.
"""

from pydantic import Field, field_validator, model_validator

from stages.shared.errors import BadInput, unknown
from stages.shared.params import Strict
from stages.shared.rows import Message, Problem, Trace
from stages.styles.prompting.prompts import StyleName
from stages.styles.prompting.question import question, turns


class Params(Strict):
    """Which text stands for which style."""

    # by style, the last line of the question: `<|program|>`, `Answer by a short program.`
    tags: dict[StyleName, str] = Field(min_length=1)
    # the style that a problem is asked in which is no trace; null: traces alone can be put
    ask: str | None = None

    @field_validator("tags")
    @classmethod
    def _each_its_own(cls, tags: dict[str, str]) -> dict[str, str]:
        for name, text in tags.items():
            if not text.strip() or text != text.strip() or "\n" in text:
                raise ValueError(f"{name}: expected one line of text without space around it")
        if len(set(tags.values())) < len(tags):
            raise ValueError("expected a text of its own for each style")
        return tags

    @model_validator(mode="after")
    def _ask_has_a_tag(self) -> "Params":
        if self.ask is not None and self.ask not in self.tags:
            raise ValueError(f"ask: {unknown('tag', self.ask, self.tags)}")
        return self


def render(problem: Problem, params: Params) -> list[Message]:
    """The problem as `plain` puts it, the tag as the last line of the user's turn.

    Raises BadInput on a trace whose style has no tag, and on any other problem where `ask` is null.
    """
    return turns(problem, f"{question(problem)}\n{_tag(problem, params)}")


def _tag(problem: Problem, params: Params) -> str:
    if not isinstance(problem, Trace):
        if params.ask is None:
            raise BadInput(
                f"style tagged: problem {problem.id!r} is no trace, so `ask` must say in which style to "
                f"answer; choose from: {', '.join(sorted(params.tags))}"
            )
        return params.tags[params.ask]
    if problem.style not in params.tags:
        raise BadInput(
            f"style tagged: trace {problem.trace_id!r}: {unknown('tag', problem.style, params.tags)}; "
            f"give the style {problem.style!r} a text in `tags`"
        )
    return params.tags[problem.style]
