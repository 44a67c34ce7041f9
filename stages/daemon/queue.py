"""The queue: DBOS workflows in SQLite or Postgres, one at a time, high before normal before low, oldest
first.

DBOS: https://docs.dbos.dev. A job is a workflow; its id is the hash of its file, so the same content is one
job.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from stages.daemon.intake import PRIORITIES
from stages.daemon.places import Places, read_json
from stages.shared.errors import BadInput

APPLICATION, WORKFLOW, VERSION = "athanor", "job", "1"  # recovery needs the version that began the job
CLASS = 700_000_000  # priorities between two classes: the place of arrival counts below that
POLL = 0.3  # seconds between two looks of DBOS for a job, while there is one


class Row(NamedTuple):
    """A job as the queue knows it. `result` is what it came to, None before that."""

    id: str
    status: str
    job: dict[str, Any]
    result: dict[str, Any] | None
    priority: int


def check_database(system: str, url: str | None) -> None:
    """Raises BadInput on a URL that is not of Postgres or holds a password; the message does not repeat the
    URL. psycopg (https://www.psycopg.org), which comes with DBOS, reads PGPASSWORD and ~/.pgpass itself. The
    URL is read as DBOS reads it, by SQLAlchemy."""
    if url is None:
        return
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    expected = f"daemon.{system}.database: expected postgresql://user@host/name, or null for SQLite, got"
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: the port is no number
        raise BadInput(f"{expected} what cannot be read as a URL") from None
    if parts.password is not None or any("password" in key.lower() for key in parts.query):
        raise BadInput(
            f"daemon.{system}.database: a password in params.yaml would be in git; "
            "put it into the environment (PGPASSWORD) or into ~/.pgpass"
        )
    if parts.drivername not in ("postgres", "postgresql"):
        raise BadInput(f"{expected} {parts.drivername}")


class Queue:
    """The database of one system's queue."""

    def __init__(self, places: Places, database: str | None) -> None:
        self.places, self.system = places, places.system
        check_database(places.system, database)
        self.sqlite = None if database else places.home / "queue.sqlite"
        self.url = database or f"sqlite:///{self.sqlite.resolve() if self.sqlite else ''}"
        self.schema = (
            "dbos" if self.sqlite else "athanor_" + "".join(c if c.isalnum() else "_" for c in places.system)
        )
        self.launched = False
        self._client: Any = None

    def exists(self) -> bool:
        """Whether a daemon has made the database."""
        return (self.places.home / "queue.made").exists()

    def launch(self, job: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Starts DBOS in this process: unfinished jobs go on, first of all."""
        from dbos import DBOS

        if self.launched:
            return
        DBOS.destroy(destroy_registry=True)  # what a launch that failed left behind
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_url": self.url,
                "dbos_system_schema": self.schema,
                "application_version": VERSION,
                "executor_id": "local",
                "log_level": "ERROR",
                "enable_otlp": False,
                "use_listen_notify": False,
                "notification_listener_polling_interval_sec": 60.0,
            }
        )

        def workflow(record: dict[str, Any]) -> dict[str, Any]:
            return job(record)

        DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)(workflow)
        if self.exists():
            self._unfinished_first()
        DBOS.launch()
        DBOS.register_queue(
            self.system, global_concurrency=1, polling_interval_sec=POLL, on_conflict="always_update"
        )
        (self.places.home / "queue.made").touch()
        self.launched = True

    def rest(self) -> None:
        """Ends DBOS's threads, which cost a hundredth of a core, until the next launch."""
        from dbos import DBOS

        if self.launched:
            DBOS.destroy(destroy_registry=True)
            self.launched = False

    def client(self) -> Any:
        """DBOS's client of the database."""
        if self._client is None:
            from dbos import DBOSClient

            self._client = DBOSClient(
                system_database_url=self.url, dbos_system_schema=self.schema, application_name=APPLICATION
            )
        return self._client

    def _unfinished_first(self) -> None:
        """What was begun goes on before a newer job of a higher priority: its checkpoint counts on the
        student that it started from. `priority` is a column of DBOS's documented table of workflows."""
        import sqlalchemy

        url = sqlalchemy.make_url(self.url)
        engine = sqlalchemy.create_engine(url if self.sqlite else url.set(drivername="postgresql+psycopg"))
        table = "workflow_status" if self.sqlite else f'"{self.schema}".workflow_status'
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text(f"UPDATE {table} SET priority = 1 WHERE status = 'PENDING'"))
        engine.dispose()

    def enqueue(self, job: dict[str, Any]) -> bool:
        """Queues a job; False where its id is known already. Needs a launch before."""
        from dbos._error import DBOSWorkflowIDInUseError

        options = {
            "queue_name": self.system,
            "workflow_name": WORKFLOW,
            "workflow_id": job["id"],
            "workflow_id_reuse_policy": "reject",
            "app_version": VERSION,
            "priority": 10 + CLASS * PRIORITIES.index(job["priority"]) + job["sequence"],
            "attributes": job,
        }
        try:
            self.client().enqueue(options, job)
        except DBOSWorkflowIDInUseError:
            return False
        return True

    def rows(self, **chosen: Any) -> list[Row]:
        """The jobs: those that ended, as they did, then those that run and wait, as they will be taken up."""
        if not self.exists():
            return []
        listed = self.client().list_workflows(queue_name=self.system, load_input=False, **chosen)
        done = [status for status in listed if status.completed_at is not None]
        waiting = [status for status in listed if status.completed_at is None]
        done.sort(key=lambda status: status.completed_at)
        waiting.sort(key=lambda status: (status.status == "ENQUEUED", status.priority or 0))
        return [
            Row(each.workflow_id, each.status, each.attributes or {}, each.output, each.priority or 0)
            for each in (*done, *waiting)
        ]

    def unfinished(self, *states: str) -> bool:
        """Whether a job waits (`ENQUEUED`) or runs (`PENDING`), or is in one of `states`."""
        return bool(
            self.exists()
            and self.client().list_workflows(
                queue_name=self.system,
                status=list(states or ("ENQUEUED", "PENDING")),
                limit=1,
                load_input=False,
                load_output=False,
            )
        )


def spooled(places: Places) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The jobs that were left for the queue, the oldest first. A file that is no job, such as one that a
    power loss cut off, is deleted: the next start leaves a job anew for each copy that has none."""
    for path in sorted(places.folder("spool").glob("*.json")):
        job = read_json(path)
        if isinstance(job, dict) and "id" in job:
            yield path, job
        else:
            path.unlink(missing_ok=True)
