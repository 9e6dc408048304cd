"""Runs schemathesis over the agency API's own document, against an agency that has referrals; it ends as schemathesis
does."""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import urllib.request

import referral

CONFIG = pathlib.Path(__file__).parent / "schemathesis.toml"


def send_a_referral(number):
    bearer = {"Authorization": f"Bearer {referral.EHR_TOKEN}", "Content-Type": "application/fhir+json"}
    body = json.dumps(referral.transaction(f"ASK-{number}")).encode()
    urllib.request.urlopen(urllib.request.Request(referral.FHIR, body, bearer)).close()


def get(path):
    bearer = {"Authorization": f"Bearer {referral.AGENCY_TOKEN}"}
    with urllib.request.urlopen(urllib.request.Request(f"{referral.AGENCY}/{path}", headers=bearer)) as answer:
        return json.load(answer)


def write_ids(place, items):
    ids = [item["id"] for item in items]
    assert ids, place
    place.write_text("".join(f'"{id}"\n' for id in ids), encoding="utf-8")


def main():
    for number in range(6):
        send_a_referral(number)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        shutil.copy(CONFIG, folder)
        (folder / "openapi.json").write_text(json.dumps(get("openapi.json")), encoding="utf-8")
        write_ids(folder / "referrals.txt", get("referrals")["records"])
        write_ids(folder / "programs.txt", get("programs")["programs"])
        schemathesis = pathlib.Path(sys.executable).parent / "schemathesis"
        command = [schemathesis, "--config-file", CONFIG.name, "run", "openapi.json", "--url", referral.BASE]
        sys.exit(subprocess.run([*command, "--checks", "all", "--no-color"], cwd=folder).returncode)


if __name__ == "__main__":
    main()
