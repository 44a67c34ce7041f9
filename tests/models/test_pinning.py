"""A model that others trained is pinned: a folder names it, and what is loaded is what was pinned."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from stages.models import pinning
from stages.models.folders import Weights, hash_of_folder, locate
from stages.models.loading import load_model
from stages.models.templates import load_tokenizer
from stages.shared.errors import BadInput


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def pin(model: object, seed: int = 0, **changed: Any) -> Path:
    out = Path("models/base/m")
    pinning.pin(out, pinning.Params.model_validate({"pinned": str(model)} | changed), seed)
    return out


def test_a_hash_is_of_every_file(base: Path) -> None:
    mine = shutil.copytree(base, Path("mine"))
    before = hash_of_folder(mine)
    assert before == hash_of_folder(base)
    (mine / "peer").mkdir()
    (mine / "peer" / "config.json").write_text("{}")
    assert hash_of_folder(mine) != before


class TestPinnedFolder:
    def test_its_hash_is_recorded_and_it_loads(self, base: Path) -> None:
        folder = pin(base)
        found = json.loads((folder / "base.json").read_text())
        assert (found["model"], found["revision"], len(found["sha256"])) == (str(base), None, 64)
        assert json.loads((folder / "student.json").read_text()) == {
            "params": {"pinned": str(base), "gguf": None, "revision": "main", "template": {}, "template_date": None},
            "base": None,
            "seed": 0,
        }
        assert sorted(path.name for path in folder.iterdir()) == ["base.json", "student.json"]
        assert load_model(str(folder), "cpu", "float32").num_parameters() == load_model(str(base), "cpu", "float32").num_parameters()
        assert load_tokenizer(str(folder)).get_vocab() == load_tokenizer(str(base)).get_vocab()

    @pytest.mark.parametrize("change", ["weights", "a new file", "gone"])
    def test_a_change_is_noticed(self, base: Path, change: str) -> None:
        mine = shutil.copytree(base, Path("mine"))
        folder = pin(mine)
        if change == "weights":
            weights = mine / "model.safetensors"
            weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
        elif change == "a new file":
            (mine / "chat_template.json").write_text("{}")
        else:
            shutil.rmtree(mine)
        with pytest.raises(BadInput, match="mine: not the files that models/base/m stands on: they changed since; make models/base/m anew"):
            load_model(str(folder), "cpu", "float32")

    def test_a_folder_without_a_model(self) -> None:
        Path("mine").mkdir()
        with pytest.raises(BadInput, match=r"^mine: not a model folder: it has no config\.json$"):
            pin("mine")
        assert not Path("models").exists()


class TestPinnedHubModel:
    def test_its_commit_is_recorded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from huggingface_hub import HfApi

        asked: list[tuple[str, str]] = []

        class Info:
            sha = "5fbf4eb2" * 5

        def info(self: HfApi, repo_id: str, *, revision: str) -> Info:
            asked.append((repo_id, revision))
            return Info()

        monkeypatch.setattr(HfApi, "model_info", info)
        folder = pin("owner/name", revision="v2")
        assert asked == [("owner/name", "v2")]
        assert json.loads((folder / "base.json").read_text()) == {"model": "owner/name", "revision": Info.sha, "sha256": None}
        assert locate(str(folder)) == Weights("owner/name", Info.sha)

    def test_the_commit_is_what_is_loaded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        monkeypatch.setattr(pinning, "_pin_hub", lambda params: {"model": params.pinned, "revision": "abc", "sha256": None})
        folder, asked = pin("owner/name"), []

        def from_pretrained(name: str, **settings: Any) -> Any:
            asked.append((name, settings["revision"]))
            raise OSError("enough")

        for loader in (AutoTokenizer, AutoModelForCausalLM):
            monkeypatch.setattr(loader, "from_pretrained", from_pretrained)
        for load in (lambda: load_tokenizer(str(folder)), lambda: load_model(str(folder), "cpu", "float32")):
            with pytest.raises(BadInput, match=r"owner/name: its .* could not be loaded: enough"):
                load()
        assert asked == [("owner/name", "abc")] * 2

    def test_offline_it_is_told_in_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(BadInput) as error:
            pin("nobody/nothing")
        assert str(error.value).startswith("base: nobody/nothing at main: no revision from the Hub: ")
        assert str(error.value).endswith("; or give a local folder") and "\n" not in str(error.value)
        assert not Path("models").exists()

    @pytest.mark.parametrize("name", ["a b/c", "one/two/three"])
    def test_a_name_that_is_none(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(BadInput, match="no revision from the Hub"):
            pin(name)
