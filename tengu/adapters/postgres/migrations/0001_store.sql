-- Everything Tengu keeps. Times are the database's clock. People are written as `source:id`.

CREATE TABLE inbound (
    key text PRIMARY KEY,
    kind text NOT NULL,
    payload jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    attempts int NOT NULL DEFAULT 0,
    taken_until timestamptz,           -- a worker has it until then
    retry_at timestamptz,              -- it failed: not before then
    handled_at timestamptz,
    gave_up_at timestamptz,
    error text NOT NULL DEFAULT ''
);
CREATE INDEX inbound_open ON inbound (received_at) WHERE handled_at IS NULL AND gave_up_at IS NULL;

CREATE TABLE outbound (
    key text PRIMARY KEY,
    channel text NOT NULL,
    user_id text NOT NULL,
    thread_ts text NOT NULL,
    thread_of text NOT NULL,
    message jsonb NOT NULL,
    version int NOT NULL DEFAULT 1,    -- as wanted
    sent_version int NOT NULL DEFAULT 0,  -- as Slack shows it
    channel_id text NOT NULL DEFAULT '',
    ts text NOT NULL DEFAULT '',
    uncertain boolean NOT NULL DEFAULT false,
    begun_at timestamptz,
    attempts int NOT NULL DEFAULT 0,
    changed_at timestamptz NOT NULL DEFAULT now(),
    sent_at timestamptz,
    taken_until timestamptz,
    retry_at timestamptz,
    gave_up_at timestamptz,
    error text NOT NULL DEFAULT ''
);
CREATE INDEX outbound_open ON outbound (changed_at) WHERE sent_version < version AND gave_up_at IS NULL;
CREATE INDEX outbound_threads ON outbound (thread_of) WHERE thread_of <> '';

CREATE TABLE deployment (
    number bigint PRIMARY KEY,
    app text NOT NULL,
    environment text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('merge', 'push', 'retry', 'rollback')),
    commit text NOT NULL,
    source_commit text NOT NULL,
    base text,
    pull_request bigint,
    items bigint[] NOT NULL DEFAULT '{}',
    person text NOT NULL,
    target bigint REFERENCES deployment (number),
    state text NOT NULL CHECK (state IN ('held', 'waiting', 'running', 'ended')),
    outcome text CHECK (outcome IN
        ('succeeded', 'rolled_back', 'failed', 'superseded', 'cancelled', 'skipped', 'unknown')),
    code text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    cancel_requested_by text,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    owner text,
    token bigint NOT NULL DEFAULT 0,   -- fencing: one more at each claim
    lease_until timestamptz,
    takeovers int NOT NULL DEFAULT 0,  -- since the last newly finished step
    keeps_lane boolean NOT NULL DEFAULT false,  -- ended as unknown and not given up
    told_at timestamptz,               -- its end was passed on to people
    tell_again_at timestamptz,         -- that failed: again after a pause, by one process at a time
    CHECK ((state = 'ended') = (outcome IS NOT NULL)),
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK (NOT keeps_lane OR outcome = 'unknown')
);
-- The database itself enforces the lane: one deployment at a time to an environment.
CREATE UNIQUE INDEX deployment_lane ON deployment (app, environment) WHERE state = 'running' OR keeps_lane;
-- A merge is deployed once.
CREATE UNIQUE INDEX deployment_once ON deployment (app, environment, commit) WHERE kind IN ('merge', 'push');
CREATE INDEX deployment_history ON deployment (app, environment, number DESC);
CREATE INDEX deployment_open ON deployment (state, number) WHERE state <> 'ended';
CREATE INDEX deployment_untold ON deployment (finished_at) WHERE state = 'ended' AND told_at IS NULL;

CREATE TABLE deployment_step (
    deployment bigint NOT NULL REFERENCES deployment (number) ON DELETE CASCADE,
    name text NOT NULL,
    position int GENERATED ALWAYS AS IDENTITY,
    state text NOT NULL CHECK (state IN ('running', 'done', 'failed', 'skipped')),
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    memo jsonb NOT NULL DEFAULT '{}',
    output jsonb NOT NULL DEFAULT '{}',
    detail text NOT NULL DEFAULT '',
    PRIMARY KEY (deployment, name)
);

CREATE TABLE deployment_log (
    deployment bigint NOT NULL REFERENCES deployment (number) ON DELETE CASCADE,
    position bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT now(),
    step text NOT NULL,
    line text NOT NULL,
    PRIMARY KEY (deployment, position)
);

CREATE TABLE adopted_branch (
    app text NOT NULL,
    environment text NOT NULL,
    branch text NOT NULL,
    commit text NOT NULL,
    adopted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (app, environment, branch)
);

CREATE TABLE reported_commit (
    app text NOT NULL,
    environment text NOT NULL,
    commit text NOT NULL,
    reported_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (app, environment, commit)
);

CREATE TABLE environment_lock (
    app text NOT NULL,
    environment text NOT NULL,
    by text NOT NULL,
    why text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz,
    PRIMARY KEY (app, environment)
);

CREATE TABLE deployment_pull_request (
    app text NOT NULL,
    environment text NOT NULL,
    number bigint NOT NULL,
    url text NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'merged', 'closed')),
    base text NOT NULL,
    head text NOT NULL,
    opened_at timestamptz NOT NULL,
    opened_by text NOT NULL,
    message_key text NOT NULL,
    merged_at timestamptz,
    PRIMARY KEY (app, environment, number)
);

CREATE TABLE verification_item (
    app text NOT NULL,
    environment text NOT NULL,
    pull_request bigint NOT NULL,
    item bigint NOT NULL,
    title text NOT NULL,
    verifiers text[] NOT NULL,
    ticked boolean NOT NULL,
    ticked_by text,
    ticked_at timestamptz,
    in_body boolean NOT NULL,
    listed boolean NOT NULL,
    pinged_at timestamptz,
    pings int NOT NULL,
    summarised boolean NOT NULL,
    PRIMARY KEY (app, environment, pull_request, item)
);

CREATE TABLE person_link (
    login text PRIMARY KEY,            -- GitHub login, lower case
    slack_user text NOT NULL,
    linked_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE event (
    number bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    action text NOT NULL,
    outcome text NOT NULL,
    app text NOT NULL,
    environment text NOT NULL,
    deployment bigint,
    why text NOT NULL,
    detail jsonb NOT NULL
);
CREATE INDEX event_at ON event (at);
CREATE INDEX event_environment ON event (app, environment, number DESC);

-- Append-only: an event may grow too old, but never change.
CREATE FUNCTION refuse_event_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the event record is append-only';
END;
$$;
CREATE TRIGGER event_append_only BEFORE UPDATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_event_change();
CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_event_change();

-- The end of every deployment stands in the record, whoever ended it and however.
CREATE FUNCTION record_deployment_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO event (actor, action, outcome, app, environment, deployment, why, detail)
    VALUES (new.person, 'deployment', new.outcome, new.app, new.environment, new.number, new.reason,
        jsonb_build_object('commit', new.commit, 'kind', new.kind, 'code', new.code));
    RETURN NULL;
END $$;
CREATE TRIGGER deployment_end AFTER UPDATE OF outcome ON deployment
    FOR EACH ROW WHEN (old.outcome IS NULL AND new.outcome IS NOT NULL) EXECUTE FUNCTION record_deployment_end();
