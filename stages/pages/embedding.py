"""JSON inside a script element, and the content policy of a page."""

import json
from base64 import b64encode
from hashlib import sha256

ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
ESCAPES |= {
    chr(code): f"\\u{code:04x}" for code in range(0xD800, 0xE000)
}  # lone surrogates: no file holds them
TABLE = str.maketrans(ESCAPES)


def as_data(value: object) -> str:
    """`value` as JSON that no content can end: it holds no `<`, so neither `</script` nor `<!--`.

    In JSON these characters stand within strings only, where an escape means the same. Raises ValueError on
    NaN and infinities, which JSON lacks.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(TABLE)


def policy(*scripts: str) -> str:
    """The content policy of a page that holds `scripts`: these run, by their SHA-256, and nothing else does.

    Nothing is loaded and nothing is sent: neither pictures nor fonts nor requests. Source: W3C, "Content
    Security Policy Level 3".
    """
    hashes = " ".join(
        f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    nothing = "default-src 'none'; base-uri 'none'; form-action 'none'"
    return f"{nothing}; script-src {hashes}; style-src 'unsafe-inline'"
