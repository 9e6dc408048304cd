"""A client generated from the gateway's own OpenAPI document by openapi-python-client keeps every operation, and an agency
works with it: list, read, raise an event, put a record, send a sheet."""

import importlib
import io
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

import referral

# The generator knows no bodies of text/csv and says so; it takes those of application/octet-stream instead.
KNOWN = "Unsupported content type text/csv"


def document():
    with urllib.request.urlopen(f"{referral.AGENCY}/openapi.json") as answer:
        return json.load(answer)


def operations(described):
    verbs = {"get", "put", "post", "delete", "patch"}
    each = [operation for path in described["paths"].values() for verb, operation in path.items() if verb in verbs]
    return {operation["operationId"] for operation in each}


def generate(described, folder, config=None):
    """Makes the client; what the generator warns of, by line."""
    source = folder.parent / f"{folder.name}.json"
    source.write_text(json.dumps(described), encoding="utf-8")
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--path", str(source)]
    command += ["--output-path", str(folder), *(["--config", str(config)] if config else [])]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = [line.strip() for line in (said.stdout + said.stderr).splitlines()]
    return [line for line in lines if line and not line.startswith("Generating")]


def snake(name):
    return re.sub(r"([A-Z])", r"_\1", name).lower()


def kept(folder):
    return {module.stem for module in (folder / "api").rglob("*.py") if module.stem != "__init__"}


def send_a_referral(number):
    request = urllib.request.Request(
        referral.FHIR,
        json.dumps(referral.transaction(number)).encode(),
        {"Authorization": f"Bearer {referral.EHR_TOKEN}", "Content-Type": "application/fhir+json"},
    )
    with urllib.request.urlopen(request) as answer:
        task = json.load(answer)["entry"][3]["response"]["location"]
    return re.search(r"Task/([^/]+)", task).group(1)


def work(package):
    """A day of an agency, with nothing but the generated code."""
    def module(name):
        return importlib.import_module(f"{package}.{name}")

    def call(place, **arguments):
        return module(f"api.{place}").sync_detailed(client=agency, **arguments)

    agency = module("client").AuthenticatedClient(base_url=referral.BASE, token=referral.AGENCY_TOKEN)
    models = module("models")
    id = send_a_referral(package)

    first = call("referrals.list_referrals", limit=1000)
    assert first.status_code == 200
    # A record that was withdrawn, or cannot be made, would be of another class.
    assert id in {record.id for record in first.parsed.records if isinstance(record, models.Record)}
    nothing = call("referrals.list_referrals", since=first.parsed.cursor)
    assert nothing.parsed.records == [] and nothing.parsed.cursor

    read = call("referrals.get_referral", id=id)
    assert read.parsed["referral"]["state"] == "sent", read.parsed
    known = call("referrals.get_referral", id=id, if_none_match=read.headers["ETag"])
    assert known.status_code == 304

    event = models.Event.from_dict({"event": "accept", "note": "we call tomorrow"})
    accepted = call("referrals.raise_event", id=id, body=event, if_match=read.headers["ETag"], idempotency_key=package)
    assert accepted.parsed["referral"]["state"] == "accepted", accepted.content
    again = call("referrals.raise_event", id=id, body=event, if_match=read.headers["ETag"], idempotency_key=package)
    assert again.status_code == 200, again.content
    stale = call("referrals.raise_event", id=id, body=event, if_match=read.headers["ETag"])
    assert stale.status_code == 412 and stale.parsed.issues[0].key == "stale-version"
    wrong = call("referrals.raise_event", id=id, body=models.Event.from_dict({"event": "decline"}))
    assert wrong.status_code == 422 and wrong.parsed.issues, wrong.content

    record = call("referrals.get_referral", id=id)
    put = call("referrals.put_referral", id=id, body=record.parsed, if_match=record.headers["ETag"])
    assert put.status_code == 200 and put.headers["ETag"] == record.headers["ETag"], put.content

    for check in [True, False]:
        file = module("types").File(payload=io.BytesIO(f"referral_id,event\n{id},start\n".encode()))
        report = call("referrals.take_sheet", type_="supportive-housing", body=file, check=check)
        assert report.status_code == 200 and report.parsed.committed is not check, report.content
        assert report.parsed.referrals[0].id == id
    assert call("referrals.get_referral", id=id).parsed["referral"]["state"] != "accepted"

    for place in ["referrals.explain_referral", "referrals.tell_timeline", "referrals.judge_eligibility"]:
        assert call(place, id=id).parsed is not None, place
    assert call("referrals.get_status", id=id, vocabulary="findhelp").parsed.statuses
    programs = call("programs.list_programs").parsed.programs
    room = models.CapacityChange.from_dict({"status": "waitlist", "notes": "three households"})
    assert call("programs.set_capacity", id=programs[0].id, body=room).parsed.capacity.notes == "three households"
    for place in ["list_events", "list_vocabularies", "list_schemas", "get_open_api"]:
        assert call(f"reference.{place}").parsed is not None, place
    assert call("reference.get_schema", type_="supportive-housing").parsed is not None

    nobody = module("client").AuthenticatedClient(base_url=referral.BASE, token="nobody")
    refused = module("api.referrals.list_referrals").sync_detailed(client=nobody)
    assert refused.status_code == 401 and refused.parsed.issues[0].key == "unauthenticated"


def main():
    described = document()
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        sys.path.insert(0, str(place))
        warnings = generate(described, place / "agency_client")
        assert {line for line in warnings if "nsupported" in line} <= {KNOWN}, warnings
        assert kept(place / "agency_client") == {snake(name) for name in operations(described)}
        work("agency_client")
        # Told to send sheets as they are, it has nothing to warn of, and works as well.
        config = place / "config.yaml"
        config.write_text("content_type_overrides:\n  text/csv: application/octet-stream\n", encoding="utf-8")
        warnings = generate(described, place / "sheet_client", config)
        assert warnings == [], warnings
        work("sheet_client")


if __name__ == "__main__":
    main()
