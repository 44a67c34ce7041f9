"""Uploads a folder that `export` wrote to the Hugging Face Hub; no other command uploads a model.

    python -m stages.tools.push OUT OWNER/NAME               a private repository, made where there is none
    python -m stages.tools.push OUT OWNER/NAME --public      a public one; only so is one uploaded to

The token is that of the Hub's client: the variable HF_TOKEN, or `hf auth login`. All files of OUT are one
commit; what the repository held before stays, but for files of the same name.
"""

import argparse
from pathlib import Path

from stages.shared.cli import guard
from stages.shared.errors import BadInput

CARD = "README.md"


def push(folder: Path, repository: str, public: bool) -> str:
    """Uploads the files and returns the address of the repository.

    Raises BadInput where `folder` is no exported model, where there is no token, where the repository is
    there and public but `public` is false, and where the Hub refuses.
    """
    from huggingface_hub import HfApi, get_token
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    if not (folder / CARD).is_file() or not any(folder.glob("*.safetensors")):
        raise BadInput(f"{folder}: no exported model; `python -m stages.tools.export` writes one")
    if not get_token():
        raise BadInput("no token of the Hub: set HF_TOKEN, or run `hf auth login`")
    hub = HfApi()
    try:
        made = hub.create_repo(repository, private=not public, exist_ok=True)
        if not public and hub.repo_info(repository).private is False:
            raise BadInput(f"{repository}: this repository is there and public; --public uploads to it")
        message = "The model, its card and its chats"
        hub.upload_folder(repo_id=repository, folder_path=folder, commit_message=message)
    except Exception as error:
        known = isinstance(error, HfHubHTTPError | HFValidationError | OSError | ValueError)
        if not known and not type(error).__module__.startswith("httpx"):  # the client's own: nobody answers
            raise
        reason = " ".join(str(error).split())[:200]
        raise BadInput(f"{repository}: the Hub did not take it: {reason}") from None
    return str(made)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m stages.tools.push", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, metavar="OUT", help="what `export` wrote")
    parser.add_argument("repository", metavar="OWNER/NAME", help="of the Hub")
    parser.add_argument("--public", action="store_true", help="the repository may be for everyone to see")
    given = parser.parse_args()
    guard("push", lambda: print(push(given.folder, given.repository, given.public)))


if __name__ == "__main__":
    main()
