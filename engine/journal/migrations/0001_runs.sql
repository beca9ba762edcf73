-- What runs are made of. Texts are kept once, and so is what all runs of one version of a workflow share.
CREATE TABLE sources (
	key  INTEGER PRIMARY KEY,
	hash BLOB NOT NULL UNIQUE, -- SHA-256 of text
	text BLOB NOT NULL
);

CREATE TABLE programs (
	key      INTEGER PRIMARY KEY,
	mark     BLOB NOT NULL UNIQUE, -- SHA-256 of the columns below and of the files
	program  TEXT NOT NULL,        -- the same for the same files
	workflow TEXT NOT NULL,
	file     TEXT NOT NULL,
	hash     TEXT NOT NULL,
	hub      TEXT NOT NULL,
	runs     INTEGER NOT NULL      -- how many there are
);
CREATE INDEX programs_unused ON programs (key) WHERE runs = 0;
CREATE INDEX programs_workflow ON programs (workflow);

CREATE TABLE program_files (
	program INTEGER NOT NULL,
	pos     INTEGER NOT NULL,
	file    TEXT NOT NULL,
	source  INTEGER NOT NULL,
	PRIMARY KEY (program, pos)
) WITHOUT ROWID;
CREATE INDEX program_files_source ON program_files (source);

-- Times are nanoseconds since 1970, in UTC.
CREATE TABLE runs (
	key      INTEGER PRIMARY KEY,
	id       TEXT NOT NULL UNIQUE,
	program  INTEGER NOT NULL,
	started  INTEGER NOT NULL,
	ended    INTEGER,          -- and what follows from it is empty until it has
	status   TEXT,
	driver   INTEGER,          -- of one that has not ended
	parked   INTEGER NOT NULL,
	alert    INTEGER NOT NULL,
	paused   INTEGER NOT NULL,
	wake     INTEGER,
	head     INTEGER NOT NULL, -- its last row of events, unless table heads has it
	retry_of TEXT NOT NULL,
	parent   TEXT NOT NULL,    -- its id
	child    TEXT NOT NULL     -- which part of its parent it is
);
CREATE INDEX runs_driver ON runs (driver, parked) WHERE ended IS NULL;
CREATE INDEX runs_open ON runs (parent, started, key, program) WHERE ended IS NULL;
CREATE INDEX runs_end ON runs (substr(id, -5)); -- by which people call them
CREATE INDEX runs_retry ON runs (retry_of) WHERE retry_of != '';
CREATE INDEX runs_ended ON runs (parent, started, key, status, program, ended) WHERE ended IS NOT NULL;

-- How many child runs a run has, by how they ended ('': they have not).
CREATE TABLE children (
	parent TEXT NOT NULL,
	status TEXT NOT NULL,
	n      INTEGER NOT NULL,
	PRIMARY KEY (parent, status)
) WITHOUT ROWID;

CREATE TABLE devices (
	run    INTEGER NOT NULL,
	device TEXT NOT NULL,
	PRIMARY KEY (run, device)
) WITHOUT ROWID;
CREATE INDEX devices_device ON devices (device);

-- One row for what was appended to a run at once. A run's rows are a chain, since an index by run would have to be
-- changed in a place of its own for each run that appends: a commit of 500 would write 500 pages more.
CREATE TABLE events (
	key  INTEGER PRIMARY KEY,
	run  INTEGER NOT NULL,
	prev INTEGER NOT NULL, -- the row of the same run before this one; 0: there is none
	seq  INTEGER NOT NULL, -- the number of the first event
	n    INTEGER NOT NULL, -- how many there are
	sum  INTEGER NOT NULL, -- CRC-32C of body
	body BLOB NOT NULL     -- JSON: a list of events, without their numbers
);

-- The ends of the chains of runs that are under way; those of others are in their own row. So this table is small, and
-- whoever appends finds and changes it in few pages.
CREATE TABLE heads (
	run  INTEGER PRIMARY KEY,
	head INTEGER NOT NULL
);

CREATE TABLE sights (
	run   INTEGER NOT NULL,
	at    TEXT NOT NULL,
	text  TEXT NOT NULL,
	since INTEGER NOT NULL,
	PRIMARY KEY (run, at)
) WITHOUT ROWID;

CREATE TABLE requests (
	key    INTEGER PRIMARY KEY AUTOINCREMENT, -- events name it, so it is never used again
	run    INTEGER NOT NULL,
	kind   TEXT NOT NULL,
	reason TEXT NOT NULL,
	asker  TEXT NOT NULL,
	time   INTEGER NOT NULL
);
CREATE INDEX requests_run ON requests (run);

-- Processes that drive runs. One that is gone drives none; its runs are those of its heir, if it has one.
CREATE TABLE drivers (
	key  INTEGER PRIMARY KEY AUTOINCREMENT,
	host TEXT NOT NULL,
	pid  INTEGER NOT NULL,
	lock TEXT NOT NULL,    -- the file beside the journal that it holds locked; '': it could not
	beat INTEGER NOT NULL, -- when it last said that it lives
	gone INTEGER NOT NULL,
	heir INTEGER
);
CREATE INDEX drivers_heir ON drivers (heir) WHERE heir IS NOT NULL;

-- Rows of no run: what is left of one that is being removed, or the beginnings of one that this driver is importing.
CREATE TABLE remains (
	run    INTEGER PRIMARY KEY,
	driver INTEGER
);
