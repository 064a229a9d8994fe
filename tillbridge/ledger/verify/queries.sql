-- Each check answers what is wrong in a range, first things first, at most $3: the table, the row, a sentence.
-- A range is $1 to $2, both of it: of credit_id, or of batch_id; codes go by where they lie. Amounts are in minor
-- units.
-- What is looked up row by row is a lateral look: PostgreSQL would turn anything else into a hash of the whole table.

-- name: settle
-- How this transaction reads: by index, two ranges joined as sets even where nothing is known of the tables yet, and
-- without starting a compiler or workers for each statement.
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_nestloop', 'off', true),
    set_config('enable_memoize', 'off', true),
    set_config('jit', 'off', true), set_config('max_parallel_workers_per_gather', '0', true),
    set_config('work_mem', '64MB', true);

-- name: summarize
-- Bring the coarse indexes up to date, or a range of batches would be looked for in all that is newer.
SELECT brin_summarize_new_values('ledger.event_recorded') + brin_summarize_new_values('ledger.request_batch') AS ranges;

-- name: sizes
-- How much there is to read, and where the chain ends.
SELECT (SELECT count(*) FROM ledger.credit) AS credits, (SELECT count(*) FROM ledger.code) AS codes,
    (SELECT count(*) FROM ledger.hold) AS holds, (SELECT count(*) FROM ledger.batch) AS batches,
    pg_relation_size('ledger.code') / current_setting('block_size')::bigint AS code_blocks, n.place, n.hash
FROM ledger.chain AS n;

-- name: credit_page
-- The last of the next $2 credits from $1 on; none when there are fewer.
SELECT credit_id AS last FROM ledger.credit WHERE credit_id >= $1 ORDER BY credit_id OFFSET $2 - 1 LIMIT 1;

-- name: batch_page
-- The last of the next batches from $1 on that hold $2 rows together, and how many they are; none when there is less.
SELECT q.batch_id AS last, q.batches FROM (
    SELECT b.batch_id, sum(b.rows) OVER w AS upto, count(*) OVER w AS batches FROM (
        SELECT x.batch_id, greatest(x.rows, 1) AS rows FROM ledger.batch AS x
        WHERE x.batch_id >= $1 ORDER BY x.batch_id LIMIT $2
    ) AS b WINDOW w AS (ORDER BY b.batch_id)
) AS q WHERE q.upto >= $2 ORDER BY q.batch_id LIMIT 1;

-- name: credit_without_event
SELECT 'credit' AS found_in, format('credit %s', k.credit_id) AS found,
    format('Credit %s has no event.', k.credit_id) AS sentence
FROM ledger.credit AS k
-- Where later events are, it is the first one that is gone: event_version says so.
LEFT JOIN LATERAL (SELECT true AS there FROM ledger.event AS x WHERE x.credit_id = k.credit_id LIMIT 1) AS e ON true
WHERE k.credit_id >= $1 AND k.credit_id <= $2 AND e.there IS NULL
ORDER BY k.credit_id LIMIT $3;

-- name: event_version
SELECT 'event' AS found_in, format('credit %s version %s', q.credit_id, q.before + 1) AS found,
    format('Event %s of credit %s is missing: the next one that is there is %s.', q.before + 1, q.credit_id, q.version)
        AS sentence
FROM (
    SELECT e.credit_id, e.version, coalesce(lag(e.version) OVER w, 0) AS before FROM ledger.event AS e
    WHERE e.credit_id >= $1 AND e.credit_id <= $2 WINDOW w AS (PARTITION BY e.credit_id ORDER BY e.version)
) AS q
WHERE q.version <> q.before + 1 ORDER BY q.credit_id, q.version LIMIT $3;

-- name: event_without_credit
SELECT 'event' AS found_in, format('credit %s version %s', e.credit_id, e.version) AS found,
    format('Event %s is of credit %s, which is not there.', e.version, e.credit_id) AS sentence
FROM ledger.event AS e
LEFT JOIN LATERAL (SELECT true AS there FROM ledger.credit AS x WHERE x.credit_id = e.credit_id LIMIT 1) AS k ON true
WHERE e.credit_id >= $1 AND e.credit_id <= $2 AND e.version = 1 AND k.there IS NULL
ORDER BY e.credit_id LIMIT $3;

-- name: event_birth
SELECT 'event' AS found_in, format('credit %s version %s', e.credit_id, e.version) AS found,
    format('Credit %s cannot begin with %s: state %s, amount %s, balance %s, held %s.', e.credit_id, e.verb, e.state,
        e.amount, e.balance, e.held) AS sentence
FROM ledger.event AS e
WHERE e.credit_id >= $1 AND e.credit_id <= $2 AND e.version = 1 AND NOT (
    e.balance = e.change AND e.held = 0 AND CASE e.verb
        WHEN 'import' THEN e.state = 'pending' AND e.amount = 0
        WHEN 'issue' THEN e.state IN ('unclaimed', 'active') AND e.amount > 0
        WHEN 'reissue' THEN e.state IN ('unclaimed', 'active') AND e.amount > 0
        ELSE false END
)
ORDER BY e.credit_id LIMIT $3;

-- name: event_change
SELECT 'event' AS found_in, format('credit %s version %s', e.credit_id, e.version) AS found,
    format('Event %s of credit %s, %s of %s, changed the balance by %s and left %s: it cannot have.', e.version,
        e.credit_id, e.verb, e.amount, e.change, e.balance) AS sentence
FROM ledger.event AS e
WHERE e.credit_id >= $1 AND e.credit_id <= $2 AND (
    e.change <> CASE
        WHEN e.verb IN ('redeem', 'capture', 'cash-out', 'void', 'chargeback', 'expire') THEN -e.amount
        WHEN e.verb IN ('issue', 'activate', 'load', 'refund') THEN e.amount
        WHEN e.verb = 'reissue' THEN CASE e.version WHEN 1 THEN e.amount ELSE -e.amount END
        WHEN e.verb IN ('transfer', 'adjust') THEN CASE WHEN e.change < 0 THEN -e.amount ELSE e.amount END
        ELSE 0 END
    OR (e.state IN ('void', 'expired') AND e.balance <> 0)
)
ORDER BY e.credit_id, e.version LIMIT $3;

-- name: event_balance
SELECT 'event' AS found_in, format('credit %s version %s', q.credit_id, q.version) AS found,
    format('Event %s of credit %s leaves a balance of %s: there was %s before, and it changed by %s.', q.version,
        q.credit_id, q.balance, q.before, q.change) AS sentence
FROM (
    SELECT e.credit_id, e.version, e.change, e.balance, coalesce(lag(e.balance) OVER w, 0) AS before
    FROM ledger.event AS e
    WHERE e.credit_id >= $1 AND e.credit_id <= $2 WINDOW w AS (PARTITION BY e.credit_id ORDER BY e.version)
) AS q
WHERE q.balance <> q.before + q.change ORDER BY q.credit_id, q.version LIMIT $3;

-- name: event_state
SELECT 'event' AS found_in, format('credit %s version %s', q.credit_id, q.version) AS found,
    format('Event %s of credit %s, %s, leaves it %s: it was %s before.', q.version, q.credit_id, q.verb, q.state,
        q.before) AS sentence
FROM (
    SELECT e.credit_id, e.version, e.verb, e.state, lag(e.state) OVER w AS before FROM ledger.event AS e
    WHERE e.credit_id >= $1 AND e.credit_id <= $2 WINDOW w AS (PARTITION BY e.credit_id ORDER BY e.version)
) AS q
WHERE q.version > 1 AND q.state IS DISTINCT FROM ledger.becomes(q.verb, q.before, CASE q.verb WHEN 'unfreeze' THEN (
    SELECT x.state FROM ledger.event AS x
    WHERE x.credit_id = q.credit_id AND x.version < q.version AND x.state <> 'frozen' ORDER BY x.version DESC LIMIT 1
) END)
ORDER BY q.credit_id, q.version LIMIT $3;

-- name: event_owner
SELECT 'event' AS found_in, format('credit %s version %s', q.credit_id, q.version) AS found,
    format('Event %s of credit %s, %s, changed its %s, which it may not.', q.version, q.credit_id, q.verb,
        CASE WHEN q.other_owner THEN 'owner' ELSE 'last moment' END) AS sentence
FROM (
    SELECT n.credit_id, n.version, n.verb,
        n.owner IS DISTINCT FROM n.owner_before AND NOT (n.verb IN ('claim', 'activate') AND n.owner IS NOT NULL)
            AS other_owner,
        n.expires_at IS DISTINCT FROM n.expires_before AND (CASE n.verb
            WHEN 'activate' THEN n.expires_at IS NOT NULL
            WHEN 'load' THEN n.expires_at > n.expires_before
            ELSE false END) IS NOT TRUE AS other_end
    FROM (
        SELECT e.credit_id, e.version, e.verb, e.owner, e.expires_at, lag(e.owner) OVER w AS owner_before,
            lag(e.expires_at) OVER w AS expires_before
        FROM ledger.event AS e
        WHERE e.credit_id >= $1 AND e.credit_id <= $2 WINDOW w AS (PARTITION BY e.credit_id ORDER BY e.version)
    ) AS n WHERE n.version > 1
) AS q
WHERE q.other_owner OR q.other_end ORDER BY q.credit_id, q.version LIMIT $3;

-- name: event_held
WITH steps AS (
    SELECT e.credit_id, e.version, e.verb, e.amount, e.held, e.hold_id, e.hold_left,
        coalesce(lag(e.held) OVER w, 0) AS before
    FROM ledger.event AS e
    WHERE e.credit_id >= $1 AND e.credit_id <= $2 WINDOW w AS (PARTITION BY e.credit_id ORDER BY e.version)
), holds AS (
    SELECT e.credit_id, e.version,
        lag(e.hold_left) OVER (PARTITION BY e.credit_id, e.hold_id ORDER BY e.version) AS open
    FROM ledger.event AS e WHERE e.credit_id >= $1 AND e.credit_id <= $2 AND e.hold_id IS NOT NULL
)
SELECT 'event' AS found_in, format('credit %s version %s', s.credit_id, s.version) AS found,
    format('Event %s of credit %s, %s of %s, leaves %s held and %s of its hold: %s were held before.', s.version,
        s.credit_id, s.verb, s.amount, s.held, coalesce(s.hold_left::text, 'nothing'), s.before) AS sentence
FROM steps AS s LEFT JOIN holds AS h ON h.credit_id = s.credit_id AND h.version = s.version
WHERE (CASE
    WHEN s.verb = 'hold' THEN s.hold_id IS NOT NULL AND h.open IS NULL AND s.hold_left = s.amount
        AND s.held = s.before + s.amount
    WHEN s.verb IN ('release', 'lapse') THEN s.hold_left = 0 AND h.open > 0 AND s.amount = h.open
        AND s.held = s.before - h.open
    WHEN s.verb = 'capture' THEN s.amount <= h.open AND s.hold_left IN (0, h.open - s.amount)
        AND s.held = s.before - h.open + s.hold_left
    ELSE s.hold_id IS NULL AND s.hold_left IS NULL AND s.held = CASE s.verb WHEN 'chargeback' THEN 0 ELSE s.before END
END) IS NOT TRUE
ORDER BY s.credit_id, s.version LIMIT $3;

-- name: event_hold
SELECT 'hold' AS found_in, format('hold %s', e.hold_id) AS found,
    format('Hold %s was placed by event %s of credit %s, and %s.', e.hold_id, e.version, e.credit_id,
        CASE WHEN h.credit_id IS NULL THEN 'its row is missing' ELSE 'its row names credit ' || h.credit_id END)
        AS sentence
FROM ledger.event AS e
LEFT JOIN LATERAL (SELECT x.credit_id FROM ledger.hold AS x WHERE x.hold_id = e.hold_id LIMIT 1) AS h ON true
WHERE e.credit_id >= $1 AND e.credit_id <= $2 AND e.verb = 'hold' AND h.credit_id IS DISTINCT FROM e.credit_id
ORDER BY e.credit_id, e.version LIMIT $3;

-- name: holding
WITH newest AS (
    SELECT DISTINCT ON (e.credit_id, e.hold_id) e.credit_id, e.hold_id, e.hold_left FROM ledger.event AS e
    WHERE e.credit_id >= $1 AND e.credit_id <= $2 AND e.hold_id IS NOT NULL
    ORDER BY e.credit_id, e.hold_id, e.version DESC
), open AS (
    SELECT n.credit_id, n.hold_id, n.hold_left, h.expires_at FROM newest AS n
    CROSS JOIN LATERAL (
        SELECT x.state FROM ledger.event AS x WHERE x.credit_id = n.credit_id ORDER BY x.version DESC LIMIT 1
    ) AS s
    LEFT JOIN LATERAL (SELECT x.expires_at FROM ledger.hold AS x WHERE x.hold_id = n.hold_id LIMIT 1) AS h ON true
    WHERE n.hold_left > 0 AND s.state <> 'void'
), listed AS (
    SELECT g.credit_id, g.hold_id, g.remaining, g.expires_at FROM ledger.holding AS g
    WHERE g.credit_id >= $1 AND g.credit_id <= $2
)
SELECT 'holding' AS found_in,
    format('credit %s hold %s', coalesce(o.credit_id, g.credit_id), coalesce(o.hold_id, g.hold_id)) AS found,
    format('Hold %s on credit %s: the events leave %s of it until %s, the list of open holds says %s until %s.',
        coalesce(o.hold_id, g.hold_id), coalesce(o.credit_id, g.credit_id), coalesce(o.hold_left, 0), o.expires_at,
        coalesce(g.remaining, 0), g.expires_at) AS sentence
FROM open AS o FULL JOIN listed AS g ON g.credit_id = o.credit_id AND g.hold_id = o.hold_id
WHERE g.remaining IS DISTINCT FROM o.hold_left OR g.expires_at IS DISTINCT FROM o.expires_at
ORDER BY coalesce(o.credit_id, g.credit_id), coalesce(o.hold_id, g.hold_id) LIMIT $3;

-- name: expiring
WITH newest AS (
    SELECT DISTINCT ON (e.credit_id) e.credit_id, e.expires_at, e.state FROM ledger.event AS e
    WHERE e.credit_id >= $1 AND e.credit_id <= $2 ORDER BY e.credit_id, e.version DESC
), ending AS (
    SELECT n.credit_id, n.expires_at FROM newest AS n
    WHERE n.expires_at IS NOT NULL AND n.state NOT IN ('void', 'expired')
), listed AS (
    SELECT x.credit_id, x.expires_at FROM ledger.expiring AS x WHERE x.credit_id >= $1 AND x.credit_id <= $2
)
SELECT 'expiring' AS found_in, format('credit %s', coalesce(n.credit_id, x.credit_id)) AS found,
    format('The last moment of credit %s is %s by its events, %s by the list of those that end.',
        coalesce(n.credit_id, x.credit_id), coalesce(n.expires_at::text, 'none'), coalesce(x.expires_at::text, 'none'))
        AS sentence
FROM ending AS n FULL JOIN listed AS x ON x.credit_id = n.credit_id
WHERE x.expires_at IS DISTINCT FROM n.expires_at ORDER BY coalesce(n.credit_id, x.credit_id) LIMIT $3;

-- name: credit_account
SELECT 'credit' AS found_in, format('credit %s', q.credit_id) AS found,
    format('Credit %s is of bucket %s in %s; its entries say %s in %s.', q.credit_id, q.bucket, q.currency, q.account,
        q.entered) AS sentence
FROM (
    SELECT k.credit_id, k.bucket, k.currency, min(n.account) AS account, min(n.currency) AS entered
    FROM ledger.credit AS k JOIN ledger.entry AS n ON n.credit_id = k.credit_id AND n.leg = 1
    WHERE k.credit_id >= $1 AND k.credit_id <= $2 AND n.credit_id >= $1 AND n.credit_id <= $2
    GROUP BY k.credit_id
    HAVING bool_and(n.account <> 'owed:' || k.bucket) OR bool_and(n.currency <> k.currency)
) AS q
ORDER BY q.credit_id LIMIT $3;

-- name: entry
WITH facts AS (
    SELECT e.credit_id, e.version, e.change, e.balance FROM ledger.event AS e
    WHERE e.credit_id >= $1 AND e.credit_id <= $2
), credits AS (
    SELECT x.credit_id, x.bucket, x.currency FROM ledger.credit AS x WHERE x.credit_id >= $1 AND x.credit_id <= $2
)
SELECT 'entry' AS found_in, format('credit %s version %s leg %s', n.credit_id, n.version, n.leg) AS found,
    CASE WHEN e.credit_id IS NULL
        THEN format('Entry %s of credit %s belongs to event %s, which is not there.', n.leg, n.credit_id, n.version)
    WHEN n.amount <> CASE n.leg WHEN 1 THEN e.change ELSE -e.change END
        THEN format('Leg %s of event %s of credit %s is %s; the event changed the balance by %s.', n.leg, n.version,
            n.credit_id, n.amount, e.change)
    WHEN n.balance <> e.balance
        THEN format('Leg %s of event %s of credit %s says a balance of %s; the event says %s.', n.leg, n.version,
            n.credit_id, n.balance, e.balance)
    ELSE format('Leg %s of event %s of credit %s is in account %s, %s: the credit is of bucket %s in %s.', n.leg,
        n.version, n.credit_id, n.account, n.currency, k.bucket, k.currency) END AS sentence
FROM ledger.entry AS n
LEFT JOIN facts AS e ON e.credit_id = n.credit_id AND e.version = n.version
LEFT JOIN credits AS k ON k.credit_id = n.credit_id
WHERE n.credit_id >= $1 AND n.credit_id <= $2 AND (
    n.amount = CASE n.leg WHEN 1 THEN e.change ELSE -e.change END AND n.balance = e.balance AND n.currency = k.currency
    AND CASE n.leg WHEN 1 THEN n.account = 'owed:' || k.bucket ELSE n.account NOT LIKE 'owed:%' END
) IS NOT TRUE
ORDER BY n.credit_id, n.version, n.leg LIMIT $3;

-- name: event_entries
WITH legs AS (
    SELECT n.credit_id, n.version, count(*) AS legs FROM ledger.entry AS n
    WHERE n.credit_id >= $1 AND n.credit_id <= $2 GROUP BY n.credit_id, n.version
)
SELECT 'entry' AS found_in, format('credit %s version %s', e.credit_id, e.version) AS found,
    format('Event %s of credit %s moved %s and has %s of its two entries.', e.version, e.credit_id, e.change,
        coalesce(n.legs, 0)) AS sentence
FROM ledger.event AS e LEFT JOIN legs AS n ON n.credit_id = e.credit_id AND n.version = e.version
WHERE e.credit_id >= $1 AND e.credit_id <= $2 AND e.change <> 0 AND n.legs IS DISTINCT FROM 2
ORDER BY e.credit_id, e.version LIMIT $3;

-- name: code_seal
WITH codes AS MATERIALIZED (
    -- Codes lie in the order in which they came, as their credits do; by hash, each would be a leap into another page.
    SELECT x.code_hash, x.credit_id, x.pin_hash FROM ledger.code AS x WHERE x.ctid >= $1 AND x.ctid < $2
), wrong AS (
    SELECT c.code_hash, c.credit_id, e.credit_id IS NOT NULL AS born
    FROM codes AS c
    LEFT JOIN LATERAL (SELECT x.* FROM ledger.credit AS x WHERE x.credit_id = c.credit_id LIMIT 1) AS k ON true
    LEFT JOIN LATERAL (
        SELECT x.* FROM ledger.event AS x WHERE x.credit_id = c.credit_id AND x.version = 1 LIMIT 1
    ) AS e ON true
    LEFT JOIN LATERAL (SELECT x.request FROM ledger.request AS x WHERE x.key = e.key LIMIT 1) AS r ON true
    LEFT JOIN LATERAL (
        SELECT x.account FROM ledger.entry AS x
        WHERE e.change <> 0 AND x.credit_id = c.credit_id AND x.version = 1 AND x.leg = 2 LIMIT 1
    ) AS h ON true
    WHERE (
        e.seal = ledger.event_seal(e.credit_id, e.version, e.event_id, e.verb, e.state, e.amount,
            e.change, e.balance, e.held, e.owner, e.expires_at, e.hold_id, e.hold_left, e.key, e.store, e.register,
            e.operator, e.transaction_id, e.cause, e.reason, e.actor, e.approver, e.occurred_at, e.recorded_at,
            e.batch_id, coalesce(h.account, ''), r.request::text,
            ledger.birth_text(k.kind, k.bucket, k.currency, k.code_last4, k.cohort_date, k.store, k.priority,
                k.replaces, c.code_hash, c.pin_hash))
    ) IS NOT TRUE
    ORDER BY c.code_hash LIMIT $3
), told AS (
    -- A credit has one code. Where another points to it as well, and this one does not fit, the code is wrong.
    SELECT w.code_hash, w.credit_id, w.born AND NOT EXISTS (
        SELECT FROM ledger.code AS x WHERE x.credit_id = w.credit_id AND x.code_hash <> w.code_hash
    ) AS lone
    FROM wrong AS w
)
SELECT CASE WHEN t.lone THEN 'event' ELSE 'code' END AS found_in,
    CASE WHEN t.lone THEN format('credit %s version 1', t.credit_id)
        ELSE format('code %s', encode(t.code_hash, 'hex')) END AS found,
    CASE WHEN t.lone
        THEN format('Event 1 of credit %s, with its request, its credit and its code, is not what was sealed.',
            t.credit_id)
    ELSE format('The code with hash %s points to credit %s, which was not made with it.', encode(t.code_hash, 'hex'),
        t.credit_id) END AS sentence
FROM told AS t ORDER BY t.code_hash;

-- name: batch_seals
WITH written AS (
    SELECT s.batch_id, array_agg(s.seal) AS seals, count(*) AS rows, min(s.recorded_at) AS earliest,
        max(s.recorded_at) AS latest
    FROM (
        SELECT e.batch_id, e.seal, e.recorded_at FROM ledger.event AS e WHERE e.batch_id >= $1 AND e.batch_id <= $2
        UNION ALL
        SELECT r.batch_id, r.seal, r.recorded_at FROM ledger.request AS r
        WHERE r.batch_id >= $1 AND r.batch_id <= $2 AND r.refusal IS NOT NULL
    ) AS s GROUP BY s.batch_id
), batches AS (
    SELECT b.place, b.batch_id, b.recorded_at, b.rows, b.hash,
        CASE b.place WHEN 1 THEN ''::bytea ELSE p.hash END AS before
    FROM ledger.batch AS b
    LEFT JOIN LATERAL (SELECT x.hash FROM ledger.batch AS x WHERE x.place = b.place - 1 LIMIT 1) AS p ON true
    WHERE b.batch_id >= $1 AND b.batch_id <= $2
)
SELECT 'batch' AS found_in, format('batch %s', coalesce(b.batch_id, w.batch_id)) AS found,
    CASE WHEN b.batch_id IS NULL
        THEN format('Batch %s is missing: %s rows were written in it.', w.batch_id, w.rows)
    WHEN w.rows IS DISTINCT FROM b.rows
        THEN format('Batch %s, at place %s of the chain, was written with %s rows; there are %s.', b.batch_id, b.place,
            b.rows, coalesce(w.rows, 0))
    WHEN w.earliest <> b.recorded_at OR w.latest <> b.recorded_at
        THEN format('Batch %s, at place %s of the chain, and what was written in it name different times.', b.batch_id,
            b.place)
    ELSE format('The hash of batch %s, at place %s of the chain, does not follow from the one before and the seals of '
        'its %s rows.', b.batch_id, b.place, b.rows) END AS sentence
FROM written AS w FULL JOIN batches AS b ON b.batch_id = w.batch_id
WHERE b.rows IS DISTINCT FROM w.rows OR w.earliest <> b.recorded_at OR w.latest <> b.recorded_at
    -- Where the one before is missing, batch_place names that.
    OR (b.before IS NOT NULL AND b.hash <> ledger.batch_hash(b.before, b.place, b.batch_id, ledger.in_order(w.seals)))
ORDER BY coalesce(b.batch_id, w.batch_id) LIMIT $3;

-- name: batch_place
SELECT 'batch' AS found_in, format('place %s', b.place - 1) AS found,
    format('Place %s of the chain is missing: batch %s is at place %s.', b.place - 1, b.batch_id, b.place) AS sentence
FROM ledger.batch AS b
LEFT JOIN LATERAL (SELECT true AS there FROM ledger.batch AS x WHERE x.place = b.place - 1 LIMIT 1) AS p ON true
WHERE b.batch_id >= $1 AND b.batch_id <= $2 AND CASE b.place WHEN 1 THEN p.there ELSE p.there IS NULL END
ORDER BY b.place LIMIT $3;

-- name: refusal_seal
SELECT 'request' AS found_in, format('key %s', r.key) AS found,
    format('The request with key %s was refused as %s: that is not what was sealed.', r.key, r.refusal) AS sentence
FROM ledger.request AS r
WHERE r.batch_id >= $1 AND r.batch_id <= $2 AND r.refusal IS NOT NULL AND r.seal IS DISTINCT FROM
    ledger.refusal_seal(r.key, r.verb, r.credit_id, r.refusal, r.batch_id, r.recorded_at, r.request::text)
ORDER BY r.batch_id, r.key LIMIT $3;

-- name: request
WITH requests AS MATERIALIZED (
    SELECT r.batch_id, r.key, r.credit_id, r.version, r.others, r.versions FROM ledger.request AS r
    WHERE r.batch_id >= $1 AND r.batch_id <= $2 AND r.refusal IS NULL
), events AS MATERIALIZED (
    SELECT e.credit_id, e.version, e.key FROM ledger.event AS e WHERE e.batch_id >= $1 AND e.batch_id <= $2
), answers AS (
    SELECT r.batch_id, r.key, r.credit_id, r.version FROM requests AS r
    UNION ALL
    SELECT r.batch_id, r.key, o.credit_id, o.version
    FROM requests AS r CROSS JOIN unnest(r.others, r.versions) AS o (credit_id, version) WHERE r.others IS NOT NULL
)
SELECT 'request' AS found_in, format('key %s', a.key) AS found,
    format('The request with key %s was answered with event %s of credit %s, which %s.', a.key, a.version, a.credit_id,
        coalesce((
            SELECT format('came of the request with key %s in batch %s', x.key, x.batch_id) FROM ledger.event AS x
            WHERE x.credit_id = a.credit_id AND x.version = a.version
        ), 'is missing')) AS sentence
FROM answers AS a LEFT JOIN events AS e ON e.credit_id = a.credit_id AND e.version = a.version
WHERE e.key IS DISTINCT FROM a.key
ORDER BY a.batch_id, a.key, a.version LIMIT $3;

-- name: event_seal
WITH events AS MATERIALIZED (
    SELECT e.* FROM ledger.event AS e WHERE e.batch_id >= $1 AND e.batch_id <= $2
), requests AS MATERIALIZED (
    -- An event and its request are of one batch: no key need be looked up.
    SELECT r.* FROM ledger.request AS r WHERE r.batch_id >= $1 AND r.batch_id <= $2 AND r.refusal IS NULL
), told AS (
    SELECT e.*, r.request, (
        r.verb = e.verb AND r.batch_id = e.batch_id AND r.recorded_at = e.recorded_at
        AND ((r.credit_id = e.credit_id AND r.version = e.version) OR EXISTS (
            SELECT FROM unnest(r.others, r.versions) AS o (credit_id, version)
            WHERE o.credit_id = e.credit_id AND o.version = e.version
        ))
    ) IS TRUE AS told
    FROM events AS e LEFT JOIN requests AS r ON r.key = e.key
), wrong AS (
    SELECT e.batch_id, e.credit_id, e.version, e.key, e.told FROM told AS e
    LEFT JOIN LATERAL (
        SELECT x.account FROM ledger.entry AS x
        WHERE e.change <> 0 AND x.credit_id = e.credit_id AND x.version = e.version AND x.leg = 2 LIMIT 1
    ) AS h ON true
    WHERE NOT e.told OR (e.version > 1 AND e.seal <> ledger.event_seal(e.credit_id, e.version, e.event_id, e.verb,
        e.state, e.amount, e.change, e.balance, e.held, e.owner, e.expires_at, e.hold_id, e.hold_left, e.key, e.store,
        e.register, e.operator, e.transaction_id, e.cause, e.reason, e.actor, e.approver, e.occurred_at, e.recorded_at,
        e.batch_id, coalesce(h.account, ''), e.request::text,
        CASE WHEN e.verb = 'hold' THEN ledger.hold_text(
            (SELECT x.expires_at FROM ledger.hold AS x WHERE x.hold_id = e.hold_id)
        ) ELSE '' END))
    ORDER BY e.batch_id, e.credit_id, e.version LIMIT $3
), named AS (
    SELECT w.*, w.told OR EXISTS (SELECT FROM ledger.request AS x WHERE x.key = w.key) AS requested FROM wrong AS w
)
SELECT CASE WHEN n.requested THEN 'event' ELSE 'request' END AS found_in,
    CASE WHEN n.requested THEN format('credit %s version %s', n.credit_id, n.version) ELSE format('key %s', n.key) END
        AS found,
    format(CASE
        WHEN n.told THEN 'Event %1$s of credit %2$s, with its request %3$s, is not what was sealed.'
        WHEN n.requested THEN 'Event %1$s of credit %2$s says that it came of the request with key %3$s, which says '
            'otherwise.'
        ELSE 'The request with key %3$s is missing: event %1$s of credit %2$s came of it.' END,
        n.version, n.credit_id, n.key) AS sentence
FROM named AS n ORDER BY n.batch_id, n.credit_id, n.version;

-- name: read
-- What there is between two credits, and what their events and entries make of the totals.
WITH steps AS (
    SELECT e.credit_id, e.verb, e.state, e.balance, e.change, lead(e.version) OVER w IS NULL AS newest
    FROM ledger.event AS e
    WHERE e.credit_id >= $1 AND e.credit_id <= $2 WINDOW w AS (PARTITION BY e.credit_id ORDER BY e.version)
)
SELECT 'owed:' || k.bucket AS account, k.bucket, k.currency, k.store, s.state::text AS state,
    coalesce(sum(s.balance) FILTER (WHERE s.newest), 0)::bigint AS amount, count(*) FILTER (WHERE s.newest) AS credits,
    count(*) FILTER (WHERE s.change <> 0) AS entries, count(*) AS events,
    count(*) FILTER (WHERE s.verb = 'hold') AS holds
FROM steps AS s JOIN ledger.credit AS k ON k.credit_id = s.credit_id
WHERE k.credit_id >= $1 AND k.credit_id <= $2
GROUP BY k.bucket, k.currency, k.store, s.state
UNION ALL
SELECT n.account, k.bucket, k.currency, k.store, '', sum(n.amount)::bigint, 0, count(*), 0, 0
FROM ledger.entry AS n JOIN ledger.credit AS k ON k.credit_id = n.credit_id
WHERE n.credit_id >= $1 AND n.credit_id <= $2 AND k.credit_id >= $1 AND k.credit_id <= $2 AND n.leg = 2
GROUP BY n.account, k.bucket, k.currency, k.store;

-- name: totals
-- The totals as they are kept.
SELECT account, bucket, currency, store, state, amount, credits, entries FROM ledger.totals;

-- name: chain_end
SELECT 'chain' AS found_in, 'end' AS found,
    format('The chain is said to end at place %s; its last batch is at place %s%s.', n.place, coalesce(b.place, 0),
        CASE WHEN b.place = n.place THEN ' with another hash' ELSE '' END) AS sentence
FROM ledger.chain AS n
LEFT JOIN LATERAL (SELECT x.place, x.hash FROM ledger.batch AS x ORDER BY x.place DESC LIMIT 1) AS b ON true
WHERE n.place <> coalesce(b.place, 0) OR n.hash <> coalesce(b.hash, '') LIMIT $1;

-- name: credit_without_code
SELECT 'credit' AS found_in, format('credit %s', k.credit_id) AS found,
    format('Credit %s has no code.', k.credit_id) AS sentence
FROM ledger.credit AS k WHERE NOT EXISTS (SELECT FROM ledger.code AS x WHERE x.credit_id = k.credit_id)
ORDER BY k.credit_id LIMIT $1;

-- name: hold_without_event
SELECT 'hold' AS found_in, format('hold %s', h.hold_id) AS found,
    format('Hold %s is on credit %s, where no event placed it.', h.hold_id, h.credit_id) AS sentence
FROM ledger.hold AS h
WHERE NOT EXISTS (
    SELECT FROM ledger.event AS x WHERE x.credit_id = h.credit_id AND x.hold_id = h.hold_id AND x.verb = 'hold'
)
ORDER BY h.hold_id LIMIT $1;

-- name: place_of_hash
-- Where in the chain a hash is.
SELECT place FROM ledger.batch WHERE hash = $1 LIMIT 1;
