-- What begins runs, and in which order. Times are nanoseconds since 1970, in UTC.
ALTER TABLE runs ADD COLUMN queued INTEGER NOT NULL DEFAULT 0;
ALTER TABLE runs ADD COLUMN approval INTEGER NOT NULL DEFAULT 0;
CREATE INDEX runs_queued ON runs (parent, started, key) WHERE queued = 1;
CREATE INDEX runs_approval ON runs (parent, started, key) WHERE approval = 1;

ALTER TABLE requests ADD COLUMN at TEXT NOT NULL DEFAULT '';
ALTER TABLE requests ADD COLUMN signal TEXT; -- JSON

-- The slots that runs hold, and those that they wait for. Rows of a run are there until it has ended.
CREATE TABLE slots (
	turn  INTEGER PRIMARY KEY, -- in the order of asking
	run   INTEGER NOT NULL,
	name  TEXT NOT NULL,
	state INTEGER NOT NULL, -- 0: waits, 1: holds a place, 2: holds one and was asked to end
	most  INTEGER NOT NULL, -- how many places there are, as this run sees it
	rest  TEXT              -- of one that waits: the slots it takes after this one, as JSON
);
CREATE INDEX slots_name ON slots (name, state);
CREATE INDEX slots_run ON slots (run);

CREATE TABLE marks (
	scope TEXT NOT NULL,
	name  TEXT NOT NULL,
	until INTEGER, -- NULL: for ever
	run   TEXT NOT NULL,
	note  TEXT NOT NULL,
	time  INTEGER NOT NULL,
	PRIMARY KEY (scope, name)
) WITHOUT ROWID;
CREATE INDEX marks_until ON marks (until) WHERE until IS NOT NULL;

CREATE TABLE schedules (
	id      TEXT PRIMARY KEY,
	spec    TEXT NOT NULL,
	since   INTEGER NOT NULL,
	done    INTEGER NOT NULL,
	paused  INTEGER NOT NULL DEFAULT 0,
	changer TEXT NOT NULL DEFAULT '',
	changed INTEGER
) WITHOUT ROWID;

CREATE TABLE backfills (
	key      INTEGER PRIMARY KEY AUTOINCREMENT,
	schedule TEXT NOT NULL,
	first    INTEGER NOT NULL,
	last     INTEGER NOT NULL,
	asker    TEXT NOT NULL,
	asked    INTEGER NOT NULL
);

-- How often people have changed something about schedules, so that servers see it.
CREATE TABLE schedule_changes (n INTEGER NOT NULL);
INSERT INTO schedule_changes VALUES (0);

CREATE TABLE audit (
	key    INTEGER PRIMARY KEY AUTOINCREMENT,
	time   INTEGER NOT NULL,
	who    TEXT NOT NULL,
	roles  TEXT NOT NULL, -- JSON
	origin TEXT NOT NULL,
	action TEXT NOT NULL,
	target TEXT NOT NULL,
	detail TEXT NOT NULL,
	result TEXT NOT NULL
);
CREATE INDEX audit_target ON audit (target);
