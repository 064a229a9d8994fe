-- What a reconciliation reads of people and of reviews when its sides come from the live hub.

-- What a customer is reached by: of each kind one value, which they proved where they proved any.
CREATE VIEW identity.known_by AS
SELECT c.customer_id, k.email, k.phone, k.loyalty
FROM identity.customer AS c
CROSS JOIN LATERAL (
    SELECT (array_agg(i.value ORDER BY i.verified DESC, i.value) FILTER (WHERE i.kind = 'email'))[1] AS email,
        (array_agg(i.value ORDER BY i.verified DESC, i.value) FILTER (WHERE i.kind = 'phone'))[1] AS phone,
        (array_agg(i.value ORDER BY i.verified DESC, i.value) FILTER (WHERE i.kind = 'loyalty'))[1] AS loyalty
    FROM identity.identifier AS i
    WHERE i.customer_id IN (c.customer_id, c.person) AND NOT i.denied AND i.given_up_at IS NULL
) AS k;

-- What the register sent of a credit that waits, or waited, for a person: blank once it was forgotten.
CREATE VIEW checkpoint.heard AS
SELECT r.credit_id, r.cause, r.given, r.state, r.opened_at FROM checkpoint.review AS r;
