"""What users of fhirclient (SMART on FHIR for Python) do. Its models read strictly: an answer with an element or a type
that R4 does not have makes them fail."""

import datetime

import requests
from fhirclient import client, server
from fhirclient.models.auditevent import AuditEvent
from fhirclient.models.bundle import Bundle
from fhirclient.models.consent import Consent
from fhirclient.models.healthcareservice import HealthcareService
from fhirclient.models.humanname import HumanName
from fhirclient.models.operationoutcome import OperationOutcome
from fhirclient.models.organization import Organization
from fhirclient.models.patient import Patient
from fhirclient.models.procedure import Procedure
from fhirclient.models.servicerequest import ServiceRequest
from fhirclient.models.structuredefinition import StructureDefinition
from fhirclient.models.task import Task, TaskOutput
from fhirclient.models.valueset import ValueSet

import referral


def connect(token):
    """A client as it is restored from what its application kept, the token among that."""
    auth = {"app_id": "handoff-test", "access_token": token}
    kept = {"app_id": "handoff-test", "server": {"base_uri": f"{referral.FHIR}/", "auth_type": "oauth2", "auth": auth}}
    smart = client.FHIRClient(state=kept)
    assert smart.prepare() and smart.ready
    return smart


def refused(status, call):
    """The OperationOutcome of the refusal that `call` meets."""
    try:
        call()
    except requests.HTTPError as refusal:
        answer = refusal.response
    except (
        server.FHIRNotFoundException,
        server.FHIRPermissionDeniedException,
        server.FHIRUnauthorizedException,
    ) as refusal:
        answer = refusal.response
    else:
        raise AssertionError(f"not refused with {status}")
    assert answer.status_code == status, answer.text
    return OperationOutcome(answer.json())


def capabilities(smart):
    """An application without a token looks at what is served first."""
    stranger = client.FHIRClient(settings={"app_id": "handoff-test", "api_base": referral.FHIR})
    assert stranger.prepare(), "no sign-in of its own is announced"
    statement = stranger.server.capabilityStatement
    assert statement.fhirVersion == "4.0.1" and statement.kind == "instance"
    task = next(resource for resource in statement.rest[0].resource if resource.type == "Task")
    assert {"create", "read", "update", "search-type"} <= {one.code for one in task.interaction}
    assert "owner" in {parameter.name for parameter in task.searchParam}
    refused(401, lambda: Task.where({"status": "requested"}).perform_iter(stranger.server))
    for definition in [StructureDefinition, ValueSet]:
        assert list(definition.where({}).perform_resources_iter(smart.server)), definition
    refused(403, lambda: list(AuditEvent.where({}).perform_resources_iter(smart.server)))


def create(smart):
    patient = Patient(referral.patient("FC-1"))
    made = Patient(patient.create(smart.server))
    assert made.id and made.meta.versionId == "1" and made.birthDate.date == datetime.date(1984, 2, 29)
    consent = Consent(Consent(referral.consent(made.relativePath())).create(smart.server))
    request = ServiceRequest(referral.service_request(made.relativePath(), consent.relativePath()))
    request = ServiceRequest(request.create(smart.server))
    task = Task(referral.task(made.relativePath(), request.relativePath()))
    return made, request, Task(task.create(smart.server))


def transaction(smart):
    first = Bundle(Bundle(referral.transaction("FC-2")).create(smart.server))
    second = Bundle(Bundle(referral.transaction("FC-2")).create(smart.server))
    assert first.type == "transaction-response"
    assert {entry.response.status[:3] for entry in first.entry} == {"201"}
    assert [entry.response.location for entry in first.entry] == [entry.response.location for entry in second.entry]
    batch = Bundle({"resourceType": "Bundle", "type": "batch", "entry": []})
    lines = [("GET", "Patient?family=Pondweed&_count=1"), ("GET", "Task/nobody"), ("GET", first.entry[0].response.location)]
    batch.entry = [Bundle({"type": "batch", "entry": [{"request": {"method": m, "url": u}}]}).entry[0] for m, u in lines]
    answers = Bundle(batch.create(smart.server)).entry
    assert [answer.response.status[:3] for answer in answers] == ["200", "404", "200"]
    assert isinstance(answers[0].resource, Bundle) and isinstance(answers[1].response.outcome, OperationOutcome)


def search(smart, patient, request, task):
    found = list(Task.where({"patient": patient.relativePath(), "status": {"$or": ["requested", "received"]}})
                 .perform_resources_iter(smart.server))
    assert [one.id for one in found] == [task.id]
    together = Task.where({"_id": task.id}).include("focus")
    kinds = {one.resource_type for one in together.perform_resources_iter(smart.server)}
    assert kinds == {"Task", "ServiceRequest"}, kinds
    back = ServiceRequest.where({"_id": request.id}).include("focus", Task, reverse=True)
    assert {one.id for one in back.perform_resources_iter(smart.server)} == {request.id, task.id}
    # Everything of the directory that a referral may go to, read by the models.
    assert list(Organization.where({}).perform_resources_iter(smart.server))
    assert list(HealthcareService.where({}).perform_resources_iter(smart.server))
    empty = list(Patient.where({"_id": "nobody"}).perform_iter(smart.server))
    assert len(empty) == 1 and empty[0].entry is None and empty[0].total == 0


def paging(smart):
    for number in range(5):
        Patient(referral.patient(f"FC-PAGE-{number}")).create(smart.server)
    names = ",".join(f"{referral.MRN}|FC-PAGE-{number}" for number in range(5))
    pages = list(Patient.where({"identifier": names, "_count": "2"}).perform_iter(smart.server))
    assert [len(page.entry) for page in pages] == [2, 2, 1]
    assert len({entry.resource.id for page in pages for entry in page.entry}) == 5


def read_and_update(smart, patient):
    read = Patient.read(patient.id, smart.server)
    read.name.append(HumanName({"use": "nickname", "text": "Zo"}))
    changed = Patient(read.update())
    assert changed.meta.versionId == "2" and changed.name[1].text == "Zo"
    refused(404, lambda: Patient.read("nobody", smart.server))
    refused(405, lambda: patient.delete(smart.server))


def follow(ehr, agency, task):
    behind = Task.read(task.id, ehr.server)
    theirs = next(Task.where({"owner": referral.OWNER, "_id": task.id}).perform_resources_iter(agency.server))
    for status in ["accepted", "in-progress"]:
        theirs.status = status
        theirs = Task(theirs.update(agency.server))
        assert theirs.status == status
    behind.status = "cancelled"
    assert refused(412, behind.update).issue[0].code == "conflict"
    news = Task.where({"_id": task.id, "_lastUpdated": f"gt{task.meta.lastUpdated.origval}"})
    assert [one.status for one in news.perform_resources_iter(ehr.server)] == ["in-progress"]
    done = Procedure(referral.procedure(theirs.for_fhir.reference, theirs.focus.reference)).create(agency.server)
    theirs.output = [TaskOutput(referral.output(Procedure(done).relativePath()))]
    theirs.status = "completed"
    theirs.update(agency.server)
    task = Task.read(task.id, ehr.server)
    assert task.for_fhir.resolved(Patient).birthDate.date.year == 1984
    assert task.status == "completed" and task.businessStatus is not None
    result = task.output[0].valueReference.resolved(Procedure)
    assert result.performedDateTime.date.year == 2025
    history = Bundle.read_from(f"Task/{task.id}/_history", ehr.server)
    assert history.type == "history" and len(history.entry) >= 4


def outcomes(smart):
    wrong = referral.patient("FC-9")
    wrong["gender"] = "fmale"
    told = refused(422, lambda: Patient(wrong).create(smart.server))
    assert told.issue[0].expression == ["Patient.gender"]
    told = refused(400, lambda: Patient.where({"famly": "x"}).perform_iter(smart.server))
    assert "famly" in told.issue[0].diagnostics


def main():
    ehr, agency = connect(referral.EHR_TOKEN), connect(referral.AGENCY_TOKEN)
    capabilities(ehr)
    patient, request, task = create(ehr)
    transaction(ehr)
    search(ehr, patient, request, task)
    paging(ehr)
    read_and_update(ehr, patient)
    follow(ehr, agency, task)
    outcomes(ehr)


if __name__ == "__main__":
    main()
