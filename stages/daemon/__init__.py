"""A conductor that trains a student on every file that arrives: the queue is DBOS's, the work is DVC's.

`python -m stages.daemon SYSTEM start` watches data/SYSTEM/inbox. A file is copied and named by its hash
(inbox, intake), queued (queue), and becomes one job (workflow): checked, put into a copy of the repository
as data that DVC tracks (work), trained on from the last student by the stages admit, update and assess, and
kept as a DVC experiment (experiments). What the stages do stands in dvc.yaml; nothing here trains or
measures.

Everything that a daemon keeps lies in .athanor/daemon/SYSTEM (places). A command of another process is a file
in there (control). May import: shared.
"""
