"""What users of fhirpy do: the calls of its own documentation, against a gateway."""

import asyncio

from fhirpy import AsyncFHIRClient, SyncFHIRClient
from fhirpy.base.exceptions import (
    AuthorizationError,
    MultipleResourcesFound,
    OperationOutcome,
    ResourceNotFound,
)

import referral


def client(token):
    return SyncFHIRClient(referral.FHIR, authorization=f"Bearer {token}")


def refused(error, call):
    """The refusal that `call` meets."""
    try:
        call()
    except error as refusal:
        return refusal
    raise AssertionError(f"not refused with {error.__name__}")


def create(ehr):
    """One resource after the other, as a form of an EHR would send them."""
    patient = ehr.resource("Patient", **referral.patient("PY-1"))
    patient.save()
    assert patient.id and patient["meta"]["versionId"] == "1", patient
    assert patient["name"][0]["given"] == ["Zoë", "Marigold"]
    consent = ehr.resource("Consent", **referral.consent(patient.to_reference().reference))
    consent.save()
    request = ehr.resource("ServiceRequest", **referral.service_request(patient.reference, consent.reference))
    request.save()
    task = ehr.resource("Task", **referral.task(patient.reference, request.reference))
    task.create()
    assert task.id, task
    return patient, request, task


def conditional_create(ehr):
    found, created = ehr.resources("Patient").search(identifier=f"{referral.MRN}|PY-2").get_or_create(
        ehr.resource("Patient", **referral.patient("PY-2"))
    )
    again, created_again = ehr.resources("Patient").search(identifier=f"{referral.MRN}|PY-2").get_or_create(
        ehr.resource("Patient", **referral.patient("PY-2"))
    )
    assert (created, created_again) == (True, False)
    assert found.id == again.id


def transaction(ehr):
    """Sent twice, it makes nothing twice."""
    bundle = ehr.resource("Bundle", **referral.transaction("PY-3"))
    first = bundle.save()
    places = [entry["response"]["location"] for entry in first["entry"]]
    assert all(entry["response"]["status"].startswith("201") for entry in first["entry"]), first
    second = ehr.resource("Bundle", **referral.transaction("PY-3"))
    second = second.save()
    assert [entry["response"]["location"] for entry in second["entry"]] == places


def search(ehr, patient, request, task):
    tasks = ehr.resources("Task")
    assert tasks.search(_id=task.id).get().id == task.id
    assert tasks.search(patient=patient.reference, status="requested,received").first().id == task.id
    assert tasks.search(patient=patient).search(status__not=["failed", "rejected"]).first().id == task.id
    assert tasks.search(_lastUpdated__ge="2020-01-01", owner=referral.OWNER).count() >= 2
    assert ehr.resources("Patient").search(family="pondweed", given="marigold").count() >= 3
    assert ehr.resources("Patient").search(birthdate="1984-02-29").limit(1).first() is not None
    assert tasks.search(patient="Patient/nobody").first() is None
    refused(ResourceNotFound, tasks.search(patient="Patient/nobody").get)
    refused(MultipleResourcesFound, lambda: tasks.search(owner=referral.OWNER).get())
    # Includes, forward and back.
    bundle = tasks.search(_id=task.id).include("Task", "focus").include("Task", "patient").fetch_raw()
    kinds = sorted(entry["resource"]["resourceType"] for entry in bundle["entry"])
    assert kinds == ["Patient", "ServiceRequest", "Task"], kinds
    bundle = ehr.resources("ServiceRequest").search(_id=request.id).revinclude("Task", "focus").fetch_raw()
    assert {entry["resource"]["id"] for entry in bundle["entry"]} == {request.id, task.id}
    shown = tasks.search(_id=task.id).elements("status").get()
    assert shown["status"] == "requested" or shown["status"] == "received", shown
    assert "authoredOn" not in shown
    assert ehr.resources("Patient").search(_id="no-such-patient").fetch() == []


def paging(ehr):
    """Every page, one resource each; each once."""
    for number in range(5):
        ehr.resource("Patient", **referral.patient(f"PAGE-{number}")).save()
    pages = ehr.resources("Patient").search(identifier=",".join(f"{referral.MRN}|PAGE-{n}" for n in range(5)))
    found = pages.sort("_lastUpdated").limit(2).fetch_all()
    assert [patient["identifier"][0]["value"] for patient in found] == [f"PAGE-{n}" for n in range(5)]
    assert len({patient.id for patient in pages.limit(1)}) == 5


def read_and_update(ehr, patient):
    read = ehr.reference("Patient", patient.id).to_resource()
    stale = ehr.reference("Patient", patient.id).to_resource()
    read["telecom"][0]["value"] = "555-0177"
    read.save()
    assert read["meta"]["versionId"] == "2", read["meta"]
    read.refresh()
    assert read["meta"]["versionId"] == "2"
    stale.refresh()
    assert stale["telecom"][0]["value"] == "555-0177"
    refused(ResourceNotFound, lambda: ehr.reference("Patient", "nobody").to_resource())


def follow(ehr, agency, task):
    """The agency accepts, works, completes; each side holds what it read and nothing else."""
    behind = ehr.resources("Task").search(_id=task.id).get()
    theirs = agency.resources("Task").search(owner=referral.OWNER, _id=task.id).get()
    for status in ["accepted", "in-progress"]:
        theirs["status"] = status
        theirs.save()
        assert theirs["status"] == status, theirs
    behind["status"] = "cancelled"
    refused(MultipleResourcesFound, behind.save)  # how fhirpy calls a 412
    seen = ehr.resources("Task").search(_id=task.id, _lastUpdated__gt=behind["meta"]["lastUpdated"]).get()
    assert seen["status"] == "in-progress", seen
    patient, request = theirs["for"]["reference"], theirs["focus"]["reference"]
    procedure = agency.resource("Procedure", **referral.procedure(patient, request)).save()
    theirs["output"] = [referral.output(procedure.reference)]
    theirs["status"] = "completed"
    theirs.save()
    done = ehr.reference("Task", task.id).to_resource()
    assert done["status"] == "completed", done
    result = done["output"][0]["valueReference"].to_resource()
    assert result["code"]["text"] == procedure["code"]["text"], result
    versions = ehr.execute(f"Task/{task.id}/_history", method="get")
    assert versions["type"] == "history" and len(versions["entry"]) >= 4


def outcomes(ehr):
    wrong = ehr.resource("Patient", **{**referral.patient("PY-9"), "gender": "fmale"})
    assert wrong.is_valid() is False
    told = refused(OperationOutcome, wrong.save).resource
    assert told["issue"][0]["severity"] == "error"
    assert any("Patient.gender" in place for place in told["issue"][0]["expression"]), told
    told = refused(OperationOutcome, lambda: ehr.resources("Task").search(stauts="x").fetch())
    assert "stauts" in str(told)
    patient = ehr.resource("Patient", **referral.patient("PY-10")).save()
    for call in [lambda: patient.patch(active=False), patient.delete]:
        assert refused(OperationOutcome, call).resource["issue"][0]["code"] == "not-supported"
    refused(AuthorizationError, client("handoff_0000000000000000_none").resources("Task").fetch)


async def asynchronously():
    ehr = AsyncFHIRClient(referral.FHIR, authorization=f"Bearer {referral.EHR_TOKEN}")
    assert (await ehr.execute("metadata", method="get"))["fhirVersion"] == "4.0.1"
    patient = await ehr.resource("Patient", **referral.patient("PY-11")).save()
    found = [one async for one in ehr.resources("Patient").search(family="Pondweed").limit(3)]
    assert len({one.id for one in found}) == len(found) > 3
    assert patient.id in {one.id for one in found}


def main():
    ehr, agency = client(referral.EHR_TOKEN), client(referral.AGENCY_TOKEN)
    patient, request, task = create(ehr)
    conditional_create(ehr)
    transaction(ehr)
    search(ehr, patient, request, task)
    paging(ehr)
    read_and_update(ehr, patient)
    follow(ehr, agency, task)
    outcomes(ehr)
    asyncio.run(asynchronously())


if __name__ == "__main__":
    main()
