"""Athanor distils reasoning: the answers of a teacher, in a chosen style, train a small student.

The flow. A stage is a script of this package and one verb: collect > prompt > respond > grade > judge >
filter > format > train > generate > evaluate > report. practise, between train and generate, has a student
go on from another model by reinforcement learning. corpus > base makes the base model, which every student
starts from; the base model's pass rate on a problem is the problem's difficulty. enrich writes the teacher's
answers as tables to read. A row only grows: Problem > Prompt > Response > Trace (shared/rows.py). A Chat
names the trace that it came from.

The families. A family is a shape of dependency and a section of params.yaml; dvc.yaml runs a stage once for
each entry of its family. `bases` depend on no model: corpus, base. `systems` name one base model: collect,
prompt, respond, grade, judge, enrich, filter, generate, evaluate, report. `students` name one system and one
base model: format, train. `pairs` name one system and two base models, from which two students are trained
together: format_pair, train_pair, generate_pair, evaluate_pair. `practice` names one system and the model
that practice starts from: practise. The students of a system are evaluated side by side on the same held-out
problems. `classifiers` name one system, whose problems have two labels: calibrate. `updates` is empty but in
a daemon's copy of the repository: a student goes on from where it stands, on a file that arrived: admit,
update, assess.

The packages. tasks, styles, samplers, graders, formats, students and scores are packages of members. A
member is one file at the top level of its package, and its file name is its name in params. The
`__init__.py` of such a package is its registry: the contract in a sentence, one dictionary of members, the
function that loads one. Machinery that members share lies in sub-packages, whose `__init__.py` is a
docstring; the packages students/losses, students/token_losses, students/backends, students/peers and
samplers/local/steering are registries themselves. shared, models and spread are used by the others; pages
makes the HTML file of a report; tools is what a person runs; daemon trains on files that arrive.

The package rules, which tests/project/test_packages.py checks:

1. shared imports no other package. models, spread, tasks, styles, graders, formats, scores and pages import
   shared only, and so does daemon. samplers and students import shared and models. A stage script imports any
   package but tools and daemon, and no other stage script. No import goes round in a circle, and no two
   modules have the same name, but a tool, whose name is a command.
2. styles, graders (but graders/sandbox), formats and scores are pure: no files, no network, no clock, no
   global randomness, no torch. Every random choice anywhere has a seed.
3. The network is used in samplers and tasks only, by models/pinning.py, which resolves a commit of the Hub,
   by students/backends/tinker.py, which trains at a service, by spread/ray_tasks.py, which sends rows to a
   Ray cluster, and by tools/push.py, which uploads a model where a person says so. torch is used in
   students, models and samplers/local only, in the last two inside functions, so a stage that needs no model
   starts fast; tools/export.py, which no stage depends on, writes models with transformers.
4. Only scripts, tools and daemon know paths, and only they write files. A student saves its own model
   folder, and samplers keep the memo.
5. dvc.yaml lists for each stage the packages that its script imports, directly or not. The costly stages
   (respond, train, generate) list the members that they use one by one, so a new member makes none of them
   stale.
6. What identifies a result (the memo's key of a local answer, a checkpoint's fingerprint) hashes whole
   packages (models/code.py), never a list of file names.
"""
