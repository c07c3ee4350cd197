-- A store of schema 1 as Rummage made it, with a row or more in each table.
CREATE TABLE public.alert (
    id bigint NOT NULL,
    image bigint NOT NULL,
    workload bigint NOT NULL,
    key text NOT NULL COLLATE pg_catalog."C",
    rule text NOT NULL COLLATE pg_catalog."C",
    advisory text NOT NULL COLLATE pg_catalog."C",
    severity text NOT NULL COLLATE pg_catalog."C",
    title text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    details text NOT NULL COLLATE pg_catalog."C",
    kev bigint NOT NULL,
    fixable bigint NOT NULL,
    epss_permille bigint NOT NULL,
    escalation bigint NOT NULL,
    times_opened bigint NOT NULL,
    first_ms bigint NOT NULL,
    opened_ms bigint NOT NULL,
    changed_ms bigint NOT NULL,
    resolved_ms bigint NOT NULL,
    until_ms bigint NOT NULL,
    who text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.alert_log (
    id bigint NOT NULL,
    alert bigint NOT NULL,
    at_ms bigint NOT NULL,
    what text NOT NULL COLLATE pg_catalog."C",
    who text NOT NULL COLLATE pg_catalog."C",
    said text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.alias (
    digest text NOT NULL COLLATE pg_catalog."C",
    image bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.audit (
    seq bigint NOT NULL,
    at_ms bigint NOT NULL,
    actor text NOT NULL COLLATE pg_catalog."C",
    action text NOT NULL COLLATE pg_catalog."C",
    subject text NOT NULL COLLATE pg_catalog."C",
    body text NOT NULL COLLATE pg_catalog."C",
    prev bytea NOT NULL,
    hash bytea NOT NULL
);
CREATE TABLE public.change (
    id bigint NOT NULL,
    use_id bigint NOT NULL,
    hash bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    path text NOT NULL COLLATE pg_catalog."C",
    sha256 text NOT NULL COLLATE pg_catalog."C",
    purl text NOT NULL COLLATE pg_catalog."C",
    was_purl text NOT NULL COLLATE pg_catalog."C",
    at_ms bigint NOT NULL,
    what text NOT NULL COLLATE pg_catalog."C",
    who text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.component (
    id bigint NOT NULL,
    os bigint NOT NULL,
    is_os bigint NOT NULL,
    type text NOT NULL COLLATE pg_catalog."C",
    ns text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    version text NOT NULL COLLATE pg_catalog."C",
    arch text NOT NULL COLLATE pg_catalog."C",
    src_name text NOT NULL COLLATE pg_catalog."C",
    src_version text NOT NULL COLLATE pg_catalog."C",
    license text NOT NULL COLLATE pg_catalog."C",
    vendor text NOT NULL COLLATE pg_catalog."C",
    module text NOT NULL COLLATE pg_catalog."C",
    cpe text NOT NULL COLLATE pg_catalog."C",
    claims text NOT NULL COLLATE pg_catalog."C",
    build text NOT NULL COLLATE pg_catalog."C",
    purl text NOT NULL COLLATE pg_catalog."C",
    cataloger text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.counter (
    name text NOT NULL COLLATE pg_catalog."C",
    value bigint NOT NULL
);
CREATE TABLE public.exception (
    id bigint NOT NULL,
    owner text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    advisory text NOT NULL COLLATE pg_catalog."C",
    purl text NOT NULL COLLATE pg_catalog."C",
    image text NOT NULL COLLATE pg_catalog."C",
    ns text NOT NULL COLLATE pg_catalog."C",
    workload text NOT NULL COLLATE pg_catalog."C",
    vex_status text NOT NULL COLLATE pg_catalog."C",
    justification text NOT NULL COLLATE pg_catalog."C",
    created_ms bigint NOT NULL,
    until_ms bigint NOT NULL
);
CREATE TABLE public.executable (
    id bigint NOT NULL,
    sha256 bytea NOT NULL,
    key bytea NOT NULL,
    path bytea NOT NULL,
    size bigint NOT NULL,
    mode bigint NOT NULL,
    format bigint NOT NULL,
    arch text NOT NULL COLLATE pg_catalog."C",
    origin bigint NOT NULL
);
CREATE TABLE public.executable_image (
    set_id bigint NOT NULL,
    image bigint NOT NULL,
    layer bigint NOT NULL
);
CREATE TABLE public.executable_member (
    executable bigint NOT NULL,
    set_id bigint NOT NULL
);
CREATE TABLE public.executable_set (
    id bigint NOT NULL,
    hash bigint NOT NULL,
    n bigint NOT NULL
);
CREATE TABLE public.facts (
    digest text NOT NULL COLLATE pg_catalog."C",
    packed bytea NOT NULL,
    reader text NOT NULL COLLATE pg_catalog."C",
    at_ms bigint NOT NULL
);
CREATE TABLE public.facts_reading (
    digest text NOT NULL COLLATE pg_catalog."C",
    reader text NOT NULL COLLATE pg_catalog."C",
    content bytea NOT NULL,
    at_ms bigint NOT NULL,
    rank bigint NOT NULL
);
CREATE TABLE public.generation (
    id bigint NOT NULL,
    digest text NOT NULL COLLATE pg_catalog."C",
    built text NOT NULL COLLATE pg_catalog."C",
    loaded_ms bigint NOT NULL,
    advisories bigint NOT NULL
);
CREATE TABLE public.image (
    id bigint NOT NULL,
    digest text NOT NULL COLLATE pg_catalog."C",
    platform text NOT NULL COLLATE pg_catalog."C",
    ref text NOT NULL COLLATE pg_catalog."C",
    os bigint NOT NULL,
    created_ms bigint NOT NULL,
    seen_ms bigint NOT NULL,
    read_ms bigint NOT NULL,
    complete bigint NOT NULL,
    size_bytes bigint NOT NULL,
    read_by text NOT NULL COLLATE pg_catalog."C",
    components bytea NOT NULL,
    about text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.inbox (
    id bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    body bytea NOT NULL
);
CREATE TABLE public.lineage (
    id bigint NOT NULL,
    workload bigint NOT NULL,
    image bigint NOT NULL,
    came_from bigint NOT NULL,
    at_ms bigint NOT NULL,
    what text NOT NULL COLLATE pg_catalog."C",
    said text NOT NULL COLLATE pg_catalog."C",
    counts text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.os (
    id bigint NOT NULL,
    os_id text NOT NULL COLLATE pg_catalog."C",
    version_id text NOT NULL COLLATE pg_catalog."C",
    codename text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    id_like text NOT NULL COLLATE pg_catalog."C",
    variant_id text NOT NULL COLLATE pg_catalog."C",
    cpe text NOT NULL COLLATE pg_catalog."C",
    eol text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.outbox (
    id bigint NOT NULL,
    sink text NOT NULL COLLATE pg_catalog."C",
    dedupe text NOT NULL COLLATE pg_catalog."C",
    message text NOT NULL COLLATE pg_catalog."C",
    state text NOT NULL COLLATE pg_catalog."C",
    attempts bigint NOT NULL,
    created_ms bigint NOT NULL,
    next_ms bigint NOT NULL,
    done_ms bigint NOT NULL,
    error text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.place (
    id bigint NOT NULL,
    cluster text NOT NULL COLLATE pg_catalog."C",
    node text NOT NULL COLLATE pg_catalog."C",
    ns text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.source (
    source text NOT NULL COLLATE pg_catalog."C",
    cluster text NOT NULL COLLATE pg_catalog."C",
    node text NOT NULL COLLATE pg_catalog."C",
    ns text NOT NULL COLLATE pg_catalog."C",
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    heard_ms bigint NOT NULL
);
CREATE TABLE public.stream (
    seq bigint NOT NULL,
    at_ms bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    body text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.tag (
    ref text NOT NULL COLLATE pg_catalog."C",
    first_ms bigint NOT NULL,
    digest text NOT NULL COLLATE pg_catalog."C",
    source text NOT NULL COLLATE pg_catalog."C",
    last_ms bigint NOT NULL
);
CREATE TABLE public.token (
    hash bytea NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    role text NOT NULL COLLATE pg_catalog."C",
    cluster text NOT NULL COLLATE pg_catalog."C",
    node text NOT NULL COLLATE pg_catalog."C",
    ns text NOT NULL COLLATE pg_catalog."C",
    created_ms bigint NOT NULL,
    until_ms bigint NOT NULL
);
CREATE TABLE public.use (
    id bigint NOT NULL,
    image bigint NOT NULL,
    workload bigint NOT NULL,
    place bigint NOT NULL,
    cached bigint NOT NULL,
    container text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    runtime text NOT NULL COLLATE pg_catalog."C",
    ref text NOT NULL COLLATE pg_catalog."C",
    source text NOT NULL COLLATE pg_catalog."C",
    digests text NOT NULL COLLATE pg_catalog."C",
    began_ms bigint NOT NULL,
    ended_ms bigint NOT NULL
);
CREATE TABLE public.workload (
    id bigint NOT NULL,
    place bigint NOT NULL,
    kind text NOT NULL COLLATE pg_catalog."C",
    name text NOT NULL COLLATE pg_catalog."C",
    declared bigint NOT NULL,
    suspended bigint NOT NULL,
    replicas bigint NOT NULL,
    schedule text NOT NULL COLLATE pg_catalog."C",
    labels text NOT NULL COLLATE pg_catalog."C",
    images text NOT NULL COLLATE pg_catalog."C",
    source text NOT NULL COLLATE pg_catalog."C",
    first_ms bigint NOT NULL,
    last_ms bigint NOT NULL,
    removed_ms bigint NOT NULL
);
INSERT INTO public.alert VALUES (1, 1, 1, 'vuln:x:CVE-2024-3094', 'critical', 'CVE-2024-3094', 'critical', 'xz', 'firing', '{}', 1, 1, 999, 0, 1, 1, 1, 1, 0, 0, '', '');
INSERT INTO public.alert_log VALUES (1, 1, 1, 'opened', '', '');
INSERT INTO public.alias VALUES ('sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 1, 'manifest');
INSERT INTO public.audit VALUES (1, 1, 'ann', 'press', '', '', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x0101010101010101010101010101010101010101010101010101010101010101');
INSERT INTO public.audit VALUES (2, 1, 'ann', 'press', '', '', '\x0101010101010101010101010101010101010101010101010101010101010101', '\x0202020202020202020202020202020202020202020202020202020202020202');
INSERT INTO public.change VALUES (1, 1, 99, 'file', 'usr/bin/x', '', '', '', 5, 'appeared', '');
INSERT INTO public.component VALUES (1, 1, 1, 'deb', '', 'xz-utils', '5.4.1-0.2', 'amd64', '', '', 'PD', '', '', '', '', '', 'pkg:deb/debian/xz-utils@5.4.1-0.2?arch=amd64', 'dpkg');
INSERT INTO public.counter VALUES ('schema', 1);
INSERT INTO public.counter VALUES ('executable', 1);
INSERT INTO public.counter VALUES ('executable_set', 1);
INSERT INTO public.counter VALUES ('facts_reading', 1);
INSERT INTO public.counter VALUES ('change', 1);
INSERT INTO public.counter VALUES ('lineage', 1);
INSERT INTO public.counter VALUES ('alert_log', 1);
INSERT INTO public.counter VALUES ('exception', 1);
INSERT INTO public.counter VALUES ('outbox', 2);
INSERT INTO public.counter VALUES ('audit', 0);
INSERT INTO public.counter VALUES ('generation', 1);
INSERT INTO public.counter VALUES ('stream', 10);
INSERT INTO public.counter VALUES ('inbox', 1);
INSERT INTO public.exception VALUES (1, 'ann', 'accepted', 'CVE-2023-1', '', '', '', '', '', '', 1, 0);
INSERT INTO public.executable VALUES (1, '\x0707070707070707070707070707070707070707070707070707070707070707', '\x7573722f62696e2f787a', '\x', 90000, 493, 0, 'amd64', 1);
INSERT INTO public.executable_image VALUES (1, 1, 0);
INSERT INTO public.executable_member VALUES (1, 1);
INSERT INTO public.executable_set VALUES (1, -5, 1);
INSERT INTO public.facts VALUES ('sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc', '\x0801', 'node-a', 1700000000000);
INSERT INTO public.facts_reading VALUES ('sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc', 'node-a', '\x0000000000000000000000000000000000000000000000000000000000000000', 1700000000000, 1);
INSERT INTO public.generation VALUES (1, 'sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd', '2024-11-24T00:00:00Z', 1700000000000, 12);
INSERT INTO public.image VALUES (1, 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'linux/amd64', 'app:1.9', 1, 1700000000000, 1700000001000, 1700000002000, 1, 1048576, 'node-a/docker', '\x0100', '{"layers":[]}');
INSERT INTO public.inbox VALUES (1, 'events', '\x7b7d');
INSERT INTO public.lineage VALUES (1, 1, 1, 0, 10, 'started', 'web runs app:1.9', '{}');
INSERT INTO public.os VALUES (1, 'debian', '12.4', 'bookworm', 'Debian GNU/Linux', '', '', '', '2028-06-30');
INSERT INTO public.outbox VALUES (1, 'press', '1', '{}', 'waiting', 0, 1, 0, 0, '');
INSERT INTO public.outbox VALUES (2, 'press', '2', '{}', 'waiting', 0, 1, 0, 0, '');
INSERT INTO public.place VALUES (1, 'prod', 'node-a', 'shop');
INSERT INTO public.source VALUES ('press', '', '', '', 0, 2, 0);
INSERT INTO public.stream VALUES (1, 1, 'event', '{}');
INSERT INTO public.stream VALUES (2, 1, 'event', '{}');
INSERT INTO public.stream VALUES (3, 1, 'event', '{}');
INSERT INTO public.stream VALUES (4, 1, 'event', '{}');
INSERT INTO public.stream VALUES (5, 1, 'event', '{}');
INSERT INTO public.stream VALUES (6, 1, 'event', '{}');
INSERT INTO public.stream VALUES (7, 1, 'event', '{}');
INSERT INTO public.stream VALUES (8, 1, 'event', '{}');
INSERT INTO public.stream VALUES (9, 1, 'event', '{}');
INSERT INTO public.stream VALUES (10, 1, 'event', '{}');
INSERT INTO public.tag VALUES ('app:1.9', 10, 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'node-a/docker', 20);
INSERT INTO public.token VALUES ('\x0909090909090909090909090909090909090909090909090909090909090909', 'ann', 'admin', '', '', '', 1, 0);
INSERT INTO public.use VALUES (1, 1, 1, 1, 0, 'c', 'web', 'docker', 'app:1.9', 'node-a/docker', 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1, 0);
INSERT INTO public.use VALUES (2, 1, 1, 1, 0, 'c', 'web', 'docker', 'app:1.9', 'node-a/docker', 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1, 0);
INSERT INTO public.use VALUES (3, 1, 1, 1, 0, 'c', 'web', 'docker', 'app:1.9', 'node-a/docker', 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1, 0);
INSERT INTO public.use VALUES (4, 1, 1, 1, 0, 'c', 'web', 'docker', 'app:1.9', 'node-a/docker', 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1, 0);
INSERT INTO public.use VALUES (5, 1, 1, 1, 0, 'c', 'web', 'docker', 'app:1.9', 'node-a/docker', 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1, 0);
INSERT INTO public.use VALUES (6, 1, 1, 1, 0, 'c', 'web', 'docker', 'app:1.9', 'node-a/docker', 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 1, 0);
INSERT INTO public.use VALUES (7, 1, 1, 1, 0, 'c0', 'web', 'docker', 'app:1.9', 'node-a/docker', '', 1, 2);
INSERT INTO public.workload VALUES (1, 1, 'Deployment', 'web', 1, 0, 3, '', '{"app":"web"}', '[]', 'node-a/docker', 1, 2, 0);
ALTER TABLE ONLY public.alert_log
    ADD CONSTRAINT alert_log_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.alert
    ADD CONSTRAINT alert_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.alias
    ADD CONSTRAINT alias_pkey PRIMARY KEY (digest, image);
ALTER TABLE ONLY public.audit
    ADD CONSTRAINT audit_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY public.change
    ADD CONSTRAINT change_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.component
    ADD CONSTRAINT component_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.counter
    ADD CONSTRAINT counter_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.exception
    ADD CONSTRAINT exception_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.executable_image
    ADD CONSTRAINT executable_image_pkey PRIMARY KEY (set_id, image);
ALTER TABLE ONLY public.executable_member
    ADD CONSTRAINT executable_member_pkey PRIMARY KEY (executable, set_id);
ALTER TABLE ONLY public.executable
    ADD CONSTRAINT executable_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.executable_set
    ADD CONSTRAINT executable_set_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.facts
    ADD CONSTRAINT facts_pkey PRIMARY KEY (digest);
ALTER TABLE ONLY public.facts_reading
    ADD CONSTRAINT facts_reading_pkey PRIMARY KEY (digest, reader);
ALTER TABLE ONLY public.generation
    ADD CONSTRAINT generation_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.image
    ADD CONSTRAINT image_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.inbox
    ADD CONSTRAINT inbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.lineage
    ADD CONSTRAINT lineage_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.os
    ADD CONSTRAINT os_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.place
    ADD CONSTRAINT place_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.source
    ADD CONSTRAINT source_pkey PRIMARY KEY (source);
ALTER TABLE ONLY public.stream
    ADD CONSTRAINT stream_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY public.tag
    ADD CONSTRAINT tag_pkey PRIMARY KEY (ref, first_ms, digest);
ALTER TABLE ONLY public.token
    ADD CONSTRAINT token_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY public.use
    ADD CONSTRAINT use_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.workload
    ADD CONSTRAINT workload_pkey PRIMARY KEY (id);
CREATE UNIQUE INDEX alert_by_key ON public.alert USING btree (key);
CREATE INDEX alert_log_of_alert ON public.alert_log USING btree (alert);
CREATE INDEX change_of_use ON public.change USING btree (use_id, hash);
CREATE INDEX executable_by_key ON public.executable USING btree (key);
CREATE UNIQUE INDEX executable_by_sha256 ON public.executable USING btree (sha256, key, mode, origin);
CREATE INDEX executable_image_by_image ON public.executable_image USING btree (image);
CREATE INDEX executable_member_by_set ON public.executable_member USING btree (set_id);
CREATE INDEX executable_set_by_hash ON public.executable_set USING btree (hash);
CREATE INDEX lineage_of_workload ON public.lineage USING btree (workload);
CREATE INDEX outbox_by_state ON public.outbox USING btree (state, sink, id);
CREATE UNIQUE INDEX outbox_once ON public.outbox USING btree (sink, dedupe);
CREATE INDEX use_by_workload ON public.use USING btree (workload);
CREATE INDEX use_ended ON public.use USING btree (ended_ms) WHERE (ended_ms > 0);
CREATE INDEX use_open ON public.use USING btree (id) WHERE (ended_ms = 0);
