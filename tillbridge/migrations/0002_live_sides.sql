-- What a reconciliation reads of people and of reviews when its sides come from the live hub.

-- What a customer is reached by: of each kind one value, which they proved where they proved any.
CREATE VIEW identity.known_by AS
SELECT c.customer_id,
    (
        SELECT i.value FROM identity.identifier AS i
        WHERE i.customer_id IN (c.customer_id, c.person) AND i.kind = 'email' AND NOT i.denied AND i.given_up_at IS NULL
        ORDER BY i.verified DESC, i.value LIMIT 1
    ) AS email,
    (
        SELECT i.value FROM identity.identifier AS i
        WHERE i.customer_id IN (c.customer_id, c.person) AND i.kind = 'phone' AND NOT i.denied AND i.given_up_at IS NULL
        ORDER BY i.verified DESC, i.value LIMIT 1
    ) AS phone,
    (
        SELECT i.value FROM identity.identifier AS i
        WHERE i.customer_id IN (c.customer_id, c.person) AND i.kind = 'loyalty' AND NOT i.denied AND i.given_up_at IS NULL
        ORDER BY i.verified DESC, i.value LIMIT 1
    ) AS loyalty
FROM identity.customer AS c;

-- What the register sent of a credit that waits, or waited, for a person: blank once it was forgotten.
CREATE VIEW checkpoint.heard AS
SELECT r.credit_id, r.cause, r.given, r.state, r.opened_at FROM checkpoint.review AS r;
