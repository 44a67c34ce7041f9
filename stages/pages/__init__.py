"""The report of a system: one HTML file that opens from disk, without a network.

`page(title, sections, rows)` in `page.py` makes it of sections (tables and charts, `sections.py`), which
stand in the file as HTML, and of rows (`trace_table.py`), which a script of the file filters and shows. What
a model wrote is text: it is escaped by Jinja or set as text by the script, never parsed as HTML, and the
file's content policy lets no script run but its own. The package reads no file but its own templates. It
imports shared only, and is imported by stages/report.py and by tools.
"""
