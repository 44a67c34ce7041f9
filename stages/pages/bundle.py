"""The files of this package that a page is made of."""

from functools import cache
from importlib.resources import files

VEGA = ("vega", "vega-lite", "vega-interpreter")  # in the order in which they run


@cache
def text(name: str) -> str:
    """A file of the package, by its path below it."""
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


@cache
def vega() -> str:
    """Vega and Vega-Lite as one script: those that `vega/plots.html` holds.

    `vega/README.md` says where they come from. The interpreter evaluates the expressions of a chart without
    making code of them, which the content policy of a page forbids.
    """
    page = text("vega/plots.html")
    scripts = (page.split(f'<script id="{name}">', 1)[1].split("</script>", 1)[0] for name in VEGA)
    return "\n;".join(scripts)
