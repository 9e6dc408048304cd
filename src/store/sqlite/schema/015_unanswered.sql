-- Schema version 15: the referrals that wait for an answer, and since when they are at their program. Of those that were
-- stored before it counts when they were stored first.

CREATE TABLE unanswered (
    task INTEGER PRIMARY KEY,
    state TEXT NOT NULL,
    program TEXT NOT NULL,            -- the id of the HealthcareService; '' for none
    since INTEGER NOT NULL            -- microseconds
) STRICT;

INSERT INTO unanswered
SELECT r.id,
    coalesce((SELECT c.value ->> '$.code' FROM json_each(v.document, '$.businessStatus.coding') c
        WHERE c.value ->> '$.system' = 'urn:handoff:fhir:CodeSystem:referral-state'), 'sent'),
    coalesce((SELECT substr(e.value ->> '$.valueReference.reference', 19) FROM json_each(v.document, '$.extension') e
        WHERE e.value ->> '$.url' = 'urn:handoff:fhir:StructureDefinition:program'
            AND e.value ->> '$.valueReference.reference' LIKE 'HealthcareService/%'), ''),
    (SELECT min(f.updated) FROM version f WHERE f.resource = r.id)
FROM kind k CROSS JOIN resource r CROSS JOIN version v
WHERE k.name = 'Task' AND r.kind = k.id AND r.version > 0 AND v.id = r.current AND json_valid(v.document)
    AND v.document ->> '$.status' IN ('requested', 'received', 'ready')
    AND NOT EXISTS (SELECT 1 FROM json_each(v.document, '$.code.coding') c WHERE c.value ->> '$.code'
        IN ('complete-questionnaire', 'make-contact', 'review-material', 'general-information'));
