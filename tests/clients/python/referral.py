"""The referral that every script sends, and where the gateway is. Each call gives fresh copies."""

import copy
import json
import os
import pathlib

BASE = os.environ["HANDOFF_BASE"]
FHIR = f"{BASE}/fhir"
AGENCY = f"{BASE}/agency/v1"
EHR_TOKEN = os.environ["HANDOFF_EHR_TOKEN"]
AGENCY_TOKEN = os.environ["HANDOFF_AGENCY_TOKEN"]
MRN = "https://fernhollow-hospital.example/mrn"
OWNER = "Organization/lantern-housing"

_REFERRAL = json.loads((pathlib.Path(__file__).parent.parent / "referral.json").read_text(encoding="utf-8"))


def patient(number):
    body = copy.deepcopy(_REFERRAL["patient"])
    body["identifier"][0]["value"] = number
    return body


def consent(of):
    return {**copy.deepcopy(_REFERRAL["consent"]), "patient": {"reference": of}}


def service_request(of, consented):
    more = {"subject": {"reference": of}, "supportingInfo": [{"reference": consented}]}
    return {**copy.deepcopy(_REFERRAL["serviceRequest"]), **more}


def task(of, focus):
    return {**copy.deepcopy(_REFERRAL["task"]), "for": {"reference": of}, "focus": {"reference": focus}}


def procedure(of, request):
    return {**copy.deepcopy(_REFERRAL["procedure"]), "subject": {"reference": of}, "basedOn": [{"reference": request}]}


def output(result):
    return {"type": copy.deepcopy(_REFERRAL["resultingActivity"]), "valueReference": {"reference": result}}


def transaction(number):
    """The whole referral as one transaction that can be sent twice."""
    names = {kind: f"urn:uuid:00000000-0000-4000-8000-00000000000{at}" for at, kind in enumerate("pcst")}
    resources = [
        (names["p"], patient(number)),
        (names["c"], consent(names["p"])),
        (names["s"], service_request(names["p"], names["c"])),
        (names["t"], task(names["p"], names["s"])),
    ]
    entries = []
    for name, resource in resources:
        kind = resource["resourceType"]
        system = f"https://fernhollow-hospital.example/{kind.lower()}s" if kind != "Patient" else MRN
        resource["identifier"] = [{"system": system, "value": number}]
        request = {"method": "POST", "url": kind, "ifNoneExist": f"identifier={system}|{number}"}
        entries.append({"fullUrl": name, "resource": resource, "request": request})
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}
