"""A classifier of words without any language model: the baseline that a student has to beat."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from stages.models.linear_text import Features, fit_linear, save_linear
from stages.shared.errors import BadInput
from stages.shared.files import write_json
from stages.shared.rows import Chat
from stages.students import Job
from stages.students.training.describe import hash_of_chats


class Params(Features):
    """Logistic regression on TF-IDF of words and characters."""

    student: Literal["tfidf"]
    # what dvc.yaml starts the stage with
    launcher: str = "python"
    # what dvc.yaml makes the stage depend on: no grader, since nothing is graded while this student learns
    grading: Literal["stages/graders/__init__.py"] = "stages/graders/__init__.py"
    # the inverse of the L2 penalty: larger values fit the training texts closer
    strength: float = Field(default=10.0, gt=0)
    # whether each label weighs the same, whatever its share of the texts
    balanced: bool = True


def train(chats: Sequence[Chat], job: Job, params: Params) -> None:
    """Learns the labels of the texts of `chats` and saves the classifier. No base model is used.

    Raises BadInput on a chat without text or label: such a chat is no classification.
    """
    for chat in chats:
        if chat.text is None or chat.label is None:
            raise BadInput(
                f"tfidf: chat {chat.id!r} has no text or no label: it is no classification; "
                "take a task whose problems are of the kind `label`"
            )
    texts = [chat.text or "" for chat in chats]
    labels = [chat.label or "" for chat in chats]
    features = Features(**params.model_dump(include=set(Features.model_fields)))
    model = fit_linear(texts, labels, features, params.strength, params.balanced)
    counts = {kind: len(terms) for kind, terms in model.terms.items()}
    facts = {"data_sha256": hash_of_chats(chats), "seed": job.seed, "rows": len(chats), "terms": counts}
    save_linear(job.out, model, {"params": params.model_dump(), **facts})
    job.curves.mkdir(parents=True, exist_ok=True)
    write_json(job.curves / "metrics.json", {"rows": len(chats), "terms": counts})
