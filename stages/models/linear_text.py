"""A linear classifier of texts: logistic regression on TF-IDF of words and characters, by scikit-learn.

Its folder holds `model.safetensors` (weights), `vocabulary.json` (the terms, in the order of the weights) and
the description of the training. Nothing is pickled.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from stages.models.folders import DESCRIPTION
from stages.models.saving import replacing_folder
from stages.shared.errors import BadInput
from stages.shared.files import as_json
from stages.shared.params import Strict

WEIGHTS, VOCABULARY = "model.safetensors", "vocabulary.json"
MOST_STEPS = 2000  # of the solver; it stops by itself long before
Range = list[int]


class Features(Strict):
    """What of a text is counted."""

    # lengths of the word sequences that are counted, from and to
    words: Range = Field(default=[1, 2], min_length=2, max_length=2)
    # lengths of the character sequences inside words that are counted, from and to
    characters: Range = Field(default=[2, 5], min_length=2, max_length=2)
    # a term counts where at least so many training texts hold it
    at_least: int = Field(default=2, ge=1)


@dataclass(frozen=True)
class LinearText:
    """A trained classifier."""

    features: Features
    labels: list[str]  # in the order of the weights
    terms: dict[str, list[str]]  # of words and of characters, in the order of the weights
    idf: dict[str, Any]  # of each kind: (terms,)
    weights: Any  # (labels, all terms); of two labels (1, all terms), for the second one
    bias: Any  # (labels,) or (1,)

    def probs(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """The probability of each label for each text."""
        import numpy as np
        from sklearn.pipeline import FeatureUnion

        vectorizers = _vectorizers(self.features, self.terms)
        for kind, vectorizer in vectorizers.items():
            vectorizer.idf_ = self.idf[kind]
        counted = FeatureUnion(list(vectorizers.items())).transform(texts)
        scores = counted @ self.weights.T + self.bias
        if scores.shape[1] == 1:
            scores = np.hstack([np.zeros_like(scores), scores])
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares = powers / powers.sum(axis=1, keepdims=True)
        return [dict(zip(self.labels, map(float, row), strict=True)) for row in shares]


def fit_linear(
    texts: Sequence[str], labels: Sequence[str], features: Features, strength: float, balanced: bool
) -> LinearText:
    """The classifier of `texts` with their `labels`.

    `strength` is the inverse of the L2 penalty; `balanced` weighs each label by the inverse of its share.
    Raises BadInput where there are fewer than two labels, or no term is frequent enough.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import FeatureUnion

    if len(set(labels)) < 2:
        raise BadInput(
            f"expected texts with at least two labels, got {', '.join(sorted(set(labels))) or 'none'}"
        )
    vectorizers = _vectorizers(features, {})
    try:
        counted = FeatureUnion(list(vectorizers.items())).fit_transform(texts)
    except ValueError as error:  # no term is left
        raise BadInput(f"{len(texts)} texts, terms in at least {features.at_least}: {error}") from None
    model = LogisticRegression(
        C=strength, class_weight="balanced" if balanced else None, max_iter=MOST_STEPS
    ).fit(counted, labels)
    return LinearText(
        features=features,
        labels=[str(label) for label in model.classes_],
        terms={
            kind: list(map(str, vectorizer.get_feature_names_out()))
            for kind, vectorizer in vectorizers.items()
        },
        idf={kind: vectorizer.idf_ for kind, vectorizer in vectorizers.items()},
        weights=model.coef_,
        bias=model.intercept_,
    )


def _vectorizers(features: Features, terms: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The counters of words and of characters; with `terms` they count these alone."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    shapes = {"words": ("word", features.words), "characters": ("char_wb", features.characters)}
    return {
        kind: TfidfVectorizer(
            analyzer=analyzer,
            ngram_range=tuple(lengths),
            sublinear_tf=True,
            min_df=1 if terms else features.at_least,
            vocabulary=terms.get(kind),
            token_pattern=r"(?u)\b\w+\b" if analyzer == "word" else None,
        )
        for kind, (analyzer, lengths) in shapes.items()
    }


def save_linear(out: Path, model: LinearText, facts: Mapping[str, Any]) -> None:
    """Writes the classifier and its description `facts` to the folder `out`."""
    import numpy as np
    from safetensors.numpy import save_file

    tensors = {f"{kind}_idf": idf for kind, idf in model.idf.items()}
    tensors |= {"weights": model.weights, "bias": model.bias}
    # safetensors writes the memory as it lies: an array in another order would be read as other numbers
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    with replacing_folder(out) as folder:
        save_file(tensors, folder / WEIGHTS)
        vocabulary = {"labels": model.labels, "features": model.features.model_dump(), **model.terms}
        (folder / VOCABULARY).write_bytes(as_json(vocabulary))
        (folder / DESCRIPTION).write_bytes(as_json(facts))


def load_linear(folder: Path) -> LinearText:
    """The classifier in `folder`; raises BadInput where it holds none."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(folder / WEIGHTS)
        vocabulary = json.loads((folder / VOCABULARY).read_text())
        return LinearText(
            features=Features.model_validate(vocabulary["features"]),
            labels=vocabulary["labels"],
            terms={kind: vocabulary[kind] for kind in ("words", "characters")},
            idf={kind: tensors[f"{kind}_idf"] for kind in ("words", "characters")},
            weights=tensors["weights"],
            bias=tensors["bias"],
        )
    except FileNotFoundError:
        raise BadInput(
            f"{folder}: not a classifier of words: expected {WEIGHTS} and {VOCABULARY}; train a student tfidf"
        ) from None
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{folder}: a damaged classifier of words: {error}") from None
