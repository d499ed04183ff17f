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
    """
    ALTER TABLE jobs ADD COLUMN preset TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN weight REAL NOT NULL DEFAULT 1 CHECK (weight > 0);
    ALTER TABLE jobs ADD COLUMN estimate_ms INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN blocked INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN deleted_at TEXT;
    -- 1 while its words and pictures are stored, 0 once they were erased or have expired
    ALTER TABLE jobs ADD COLUMN kept INTEGER NOT NULL DEFAULT 1 CHECK (kept IN (0, 1));
    CREATE INDEX jobs_kept ON jobs (guild_id, created_at) WHERE kept;
    CREATE INDEX jobs_from_pictures ON jobs (
        json_extract(request, '$.source.picture'), json_extract(request, '$.source.mask')
    ) WHERE kept AND json_extract(request, '$.source.picture') IS NOT NULL;
    CREATE INDEX jobs_by_user ON jobs (user_id, created_at);
    CREATE INDEX jobs_by_guild ON jobs (guild_id, created_at);
    CREATE INDEX jobs_by_message ON jobs (message_id) WHERE message_id IS NOT NULL;
    ALTER TABLE pictures ADD COLUMN rating TEXT NOT NULL DEFAULT '';
    ALTER TABLE pictures ADD COLUMN spoiler INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE usage ADD COLUMN preset TEXT NOT NULL DEFAULT '';
    ALTER TABLE usage ADD COLUMN blocked INTEGER NOT NULL DEFAULT 0;

    CREATE TABLE presets (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        guild_id INTEGER NOT NULL,
        name TEXT NOT NULL,      -- folded; the one to show is in value
        shipped TEXT,            -- folded name of the shipped preset that this stands for
        value TEXT CHECK (value IS NULL OR json_valid(value)),   -- NULL: deleted, may come back
        revision INTEGER NOT NULL DEFAULT 1
    ) STRICT;
    CREATE UNIQUE INDEX presets_by_name ON presets (guild_id, name) WHERE value IS NOT NULL;
    CREATE UNIQUE INDEX presets_by_shipped ON presets (guild_id, shipped);
    CREATE TABLE preset_changes (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        guild_id INTEGER NOT NULL,
        preset_id INTEGER NOT NULL REFERENCES presets (id) ON DELETE CASCADE,
        name TEXT NOT NULL,
        before TEXT CHECK (before IS NULL OR json_valid(before)),
        after TEXT CHECK (after IS NULL OR json_valid(after)),
        user_id INTEGER NOT NULL,
        at TEXT NOT NULL,
        batch INTEGER NOT NULL,  -- id of the first change that was made together with this one
        undoes INTEGER           -- id of the change that this one took back
    ) STRICT;
    CREATE INDEX preset_changes_by_guild ON preset_changes (guild_id, id);
    CREATE INDEX preset_changes_by_preset ON preset_changes (preset_id, id);
    CREATE TABLE preset_defaults (
        guild_id INTEGER NOT NULL,
        channel_id INTEGER NOT NULL,
        preset_id INTEGER NOT NULL REFERENCES presets (id) ON DELETE CASCADE,
        PRIMARY KEY (guild_id, channel_id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE guilds (
        guild_id INTEGER PRIMARY KEY,
        value TEXT NOT NULL CHECK (json_valid(value))
    ) STRICT;

    CREATE TABLE wildcards (
        guild_id INTEGER NOT NULL,
        name TEXT NOT NULL,
        entries TEXT NOT NULL CHECK (json_valid(entries)),
        user_id INTEGER NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (guild_id, name)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE people (
        user_id INTEGER PRIMARY KEY,
        defaults TEXT NOT NULL CHECK (json_valid(defaults))
    ) STRICT;

    CREATE TABLE blocks (
        guild_id INTEGER NOT NULL,
        user_id INTEGER NOT NULL,
        reason TEXT NOT NULL,
        by_user_id INTEGER NOT NULL,
        at TEXT NOT NULL,
        until TEXT,
        PRIMARY KEY (guild_id, user_id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        guild_id INTEGER,
        actor_id INTEGER NOT NULL,
        action TEXT NOT NULL,
        user_id INTEGER,
        job_id INTEGER,
        detail TEXT NOT NULL CHECK (json_valid(detail)),
        at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX audit_by_guild ON audit (guild_id, id);
    CREATE INDEX audit_by_user ON audit (user_id, id) WHERE user_id IS NOT NULL;
    CREATE INDEX audit_by_job ON audit (job_id, guild_id, id) WHERE job_id IS NOT NULL;
    CREATE UNIQUE INDEX audit_reports ON audit (job_id, actor_id) WHERE action = 'job_reported';

    CREATE TABLE report_cards (
        guild_id INTEGER NOT NULL,
        job_id INTEGER NOT NULL,
        channel_id INTEGER NOT NULL,
        message_id INTEGER NOT NULL,
        PRIMARY KEY (guild_id, job_id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE drafts (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        user_id INTEGER NOT NULL,
        value TEXT NOT NULL CHECK (json_valid(value)),
        at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX drafts_by_user ON drafts (user_id, id);

    CREATE TABLE spent (
        user_id INTEGER NOT NULL,
        guild_id INTEGER NOT NULL,
        day TEXT NOT NULL,
        pictures INTEGER NOT NULL,
        gpu_ms INTEGER NOT NULL,
        PRIMARY KEY (guild_id, day, user_id)
    ) STRICT, WITHOUT ROWID;
    """,
)
