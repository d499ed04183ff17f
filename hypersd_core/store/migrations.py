"""The schema as numbered scripts: script ``n`` takes a database from version ``n - 1`` to ``n``.

Append only. A script that was released is never edited: databases out there have run it. When
``GenerationRequest`` or ``Origin`` change their fields, a script here rewrites the stored JSON.
"""

MIGRATIONS = (
    # AUTOINCREMENT: buttons in Discord carry job ids forever, so an id is never given out twice.
    """
    CREATE TABLE jobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        parent_id INTEGER REFERENCES jobs (id),
        guild_id INTEGER,
        user_id INTEGER NOT NULL,
        channel_id INTEGER NOT NULL,
        request TEXT NOT NULL CHECK (json_valid(request)),
        origin TEXT NOT NULL CHECK (json_valid(origin)),
        state TEXT NOT NULL DEFAULT 'queued'
            CHECK (state IN ('queued', 'running', 'made', 'delivered', 'failed', 'cancelled')),
        attempt INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
        failure TEXT NOT NULL DEFAULT '',
        gpu_ms INTEGER NOT NULL DEFAULT 0,
        created_at TEXT NOT NULL,
        started_at TEXT,
        made_at TEXT,
        delivered_at TEXT,
        message_channel_id INTEGER,
        message_id INTEGER
    ) STRICT;
    CREATE INDEX jobs_open ON jobs (state) WHERE state IN ('queued', 'running', 'made');

    CREATE TABLE pictures (
        job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
        picture_index INTEGER NOT NULL,
        seed INTEGER NOT NULL,
        file TEXT NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        infotext TEXT NOT NULL,
        PRIMARY KEY (job_id, picture_index)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE usage (
        job_id INTEGER PRIMARY KEY REFERENCES jobs (id),
        guild_id INTEGER,
        user_id INTEGER NOT NULL,
        outcome TEXT NOT NULL CHECK (outcome IN ('delivered', 'failed', 'cancelled')),
        pictures INTEGER NOT NULL,
        steps INTEGER NOT NULL,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        sampler TEXT NOT NULL,
        model TEXT NOT NULL,
        gpu_ms INTEGER NOT NULL,
        waited_ms INTEGER NOT NULL,
        at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX usage_by_user ON usage (user_id, at);
    CREATE INDEX usage_by_guild ON usage (guild_id, at);
    """,
)
